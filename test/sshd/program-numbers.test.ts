/** A program's number is its place among those of its process, whatever numbers its ancestors had reached. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAll, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

test('programs of each process are numbered from 1', () => {
  const told = tell(decodeAll(loadStream('10.0-debian-story')));
  const programs = told.connections.flatMap((c) => c.activities).flatMap((a) => (a.kind === 'program' ? [a] : []));
  const byProcess = Map.groupBy(programs, (one) => one.ref.key.slice(0, 2).join(' '));
  assert.ok(
    [...byProcess.values()].some((list) => list.length > 1),
    'there is an exec chain among them',
  );
  for (const [process, list] of byProcess) {
    const numbers = list.sort((a, b) => Number(a.startNs - b.startNs)).map((one) => one.program.execNumber);
    // The first program of a helper is told as the helper itself.
    const first = numbers[0] === 2 ? 2 : 1;
    assert.deepEqual(
      numbers,
      list.map((_, index) => first + index),
      process,
    );
  }
});
