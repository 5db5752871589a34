import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Backoff } from '../../agent/source/backoff.ts';

describe('back-off', () => {
  test('doubles to its maximum', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1000, random: () => 0 });
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => backoff.pauseAfter(0)),
      [100, 200, 400, 800, 1000, 1000],
    );
  });

  test('begins anew after a healthy run', () => {
    const backoff = new Backoff({ firstMs: 100, healthyMs: 60_000, random: () => 0 });
    backoff.pauseAfter(0);
    backoff.pauseAfter(0);
    assert.equal(backoff.pauseAfter(60_000), 100);
  });

  test('takes at most half off by chance', () => {
    assert.equal(new Backoff({ firstMs: 100, random: () => 1 }).pauseAfter(0), 50);
  });
});
