import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { pacedChunks } from '../../agent/source/paced.ts';

const ENDLESS_MS = 2 ** 30;

describe('pacedChunks', () => {
  it('gives what came meanwhile as one piece', async () => {
    const stream = new PassThrough();
    const chunks = pacedChunks(stream, 1);
    stream.write('a');
    assert.equal(`${(await chunks.next()).value}`, 'a');
    for (const text of ['b', 'c', 'd']) stream.write(text);
    assert.equal(`${(await chunks.next()).value}`, 'bcd');
    stream.end('e');
    assert.equal(`${(await chunks.next()).value}`, 'e');
    assert.equal((await chunks.next()).done, true);
  });

  it('does not wait behind a piece that is full', async () => {
    const stream = new PassThrough({ highWaterMark: 2 ** 20 });
    const chunks = pacedChunks(stream, ENDLESS_MS);
    for (let round = 0; round < 3; round++) {
      stream.write(new Uint8Array(70_000));
      assert.equal((await chunks.next()).value?.length, 70_000);
    }
    stream.destroy();
    await assert.rejects(chunks.next());
  });

  it('ends while it waits when the stream is destroyed, and says why', async () => {
    const stream = new PassThrough();
    const chunks = pacedChunks(stream, ENDLESS_MS);
    stream.write('a');
    await chunks.next();
    const next = chunks.next();
    stream.destroy(new Error('torn'));
    await assert.rejects(next, /torn/);
  });

  it('destroys the stream that is no longer asked for', async () => {
    const stream = new PassThrough();
    stream.write('a');
    for await (const chunk of pacedChunks(stream, ENDLESS_MS)) {
      assert.equal(`${chunk}`, 'a');
      break;
    }
    assert.equal(stream.destroyed, true);
  });
});
