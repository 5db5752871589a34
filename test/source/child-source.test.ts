import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { childSource } from '../helpers/child-source.ts';

const producer = (name: string): string => join(import.meta.dirname, '..', 'producers', name);
const run = (name: string) => childSource({ command: process.execPath, args: [producer(name)] });

describe('child source', () => {
  test('gives what the producer writes, to its end', async () => {
    const source = run('splits-lines.mjs');
    let text = '';
    for await (const chunk of source.chunks) text += Buffer.from(chunk).toString();
    assert.equal(text, '{"k":"hello"}\n{"k":"clock"}\n');
    assert.equal((await source.ended).complete, true);
  });

  test('tells how the producer died and its last words', async () => {
    const source = run('exits-1.mjs');
    for await (const _ of source.chunks);
    assert.deepEqual(await source.ended, {
      complete: false,
      reason: `${process.execPath} exited with status 1: no rights`,
    });
  });

  test('a producer that cannot be started is an end with a reason', async () => {
    const source = childSource({ command: 'no-such-producer', args: [] });
    for await (const _ of source.chunks);
    assert.equal((await source.ended).reason, 'no-such-producer could not be started: no-such-producer not found');
  });

  test('close stops the producer', async () => {
    const source = run('stalls.mjs');
    for await (const _ of source.chunks) source.close();
    assert.match((await source.ended).reason, /killed by SIGTERM/);
  });
});
