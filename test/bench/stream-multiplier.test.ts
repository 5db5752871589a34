import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { loadStream } from '../helpers/streams.ts';
import { StreamMultiplier } from './stream-multiplier.ts';

const STREAM = loadStream('9.2-debian-story');

function decode(...chunks: Uint8Array[]): { events: KernelEvent[]; decoder: StreamDecoder } {
  const decoder = new StreamDecoder();
  const events = [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()];
  return { events, decoder };
}

describe('StreamMultiplier', () => {
  const multiplier = new StreamMultiplier(STREAM);
  const { events: original } = decode(STREAM);

  it('gives the recording itself as copy 0', () => {
    const { events } = decode(multiplier.opening, multiplier.copy(0));
    assert.deepEqual(events, original.slice(0, -1));
    assert.equal(events.length, multiplier.openingEvents + multiplier.eventsPerCopy);
  });

  it('gives later copies in the same form, each of other processes', () => {
    const { events, decoder } = decode(multiplier.opening, ...[0, 1, 2].map((number) => multiplier.copy(number)));
    assert.deepEqual(decoder.errors, []);
    assert.equal(decoder.counters.late, 0);
    assert.equal(events.length, multiplier.openingEvents + 3 * multiplier.eventsPerCopy);
    const pids = events.flatMap((event) => (event.kind === 'fork' ? [event.child.pid] : []));
    assert.equal(new Set(pids).size, pids.length);
    for (const event of events) {
      if (event.kind === 'accept') assert.deepEqual(event.conn, event.process);
    }
  });

  it("writes the copy's pid into log lines", () => {
    const { events } = decode(multiplier.copy(2));
    let named = 0;
    for (const event of events) {
      if (event.kind !== 'log') continue;
      const text = Buffer.from(event.data.bytes).toString('latin1');
      assert.equal(event.data.length, text.length);
      named += text.includes(`sshd[${event.process.pid}]: `) ? 1 : 0;
    }
    assert.ok(named > 100, `${named} log lines name their process`);
  });
});
