import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmptyLines } from '../../agent/cli/empty-lines.ts';

const seen = (...chunks: string[]): boolean[] => {
  const lines = new EmptyLines();
  return chunks.map((chunk) => lines.push(Buffer.from(chunk, 'latin1')));
};

test('an empty line is found wherever the stream is cut', () => {
  assert.deepEqual(seen('a\n\nb\n'), [true]);
  assert.deepEqual(seen('a\n', '\n', 'b\n'), [false, true, false]);
  assert.deepEqual(seen('a', '\n', '', '\n\n'), [false, false, false, true]);
});

test('ends of lines are none', () => {
  assert.deepEqual(seen('a\n', 'b\n', 'c', '\n', 'd'), [false, false, false, false, false]);
});
