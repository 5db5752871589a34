import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamProgress } from '../../agent/cli/stream-progress.ts';

test('a clock record that came through all stages proves progress, once', () => {
  const progress = new StreamProgress();
  progress.took();
  progress.made(1);
  assert.equal(progress.proven(), true);
  progress.took();
  progress.made(1);
  assert.equal(progress.proven(), false);
});

test('bytes that come in and bring nothing forth prove the opposite', () => {
  const progress = new StreamProgress();
  progress.took();
  assert.equal(progress.proven(), false);
});

test('whoever has nothing to do is not stuck', () => {
  const progress = new StreamProgress();
  assert.equal(progress.proven(), true);
  assert.equal(progress.proven(), true);
});
