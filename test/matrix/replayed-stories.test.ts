/** The families that can't be run here keep their rows: nothing wrong, nothing missing, on each test run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayedCells } from './replayed-stories.ts';

for (const cell of replayedCells()) {
  test(`${cell.version}: the story of fifteen steps is told right`, () => {
    assert.deepEqual([cell.wrong, cell.missing], [[], []]);
    assert.ok(cell.right > 100, `${cell.right} facts`);
  });
}
