import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentSet } from '../../agent/process/recent-set.ts';

test('the last keys are remembered, and never more than twice as many', () => {
  const recent = new RecentSet(10);
  for (let number = 0; number < 1_000; number++) {
    recent.add(`${number}`);
    for (let back = 0; back < 10; back++) assert.equal(recent.has(`${number - back}`), number - back >= 0);
    assert.equal(recent.has(`${number - 20}`), false);
  }
});
