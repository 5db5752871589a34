import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { type Held, ReorderBuffer } from '../../agent/decode/reorder.ts';
import { decodeRecords, setsid } from './decoding.ts';

const WINDOW_NS = 50_000_000;

function held(tsNs: bigint): Held {
  return { orderNs: tsNs, event: { kind: 'clock', tsNs, wallNs: 0n }, cpu: -1, seq: -1, size: 1 };
}

function drain(buffer: ReorderBuffer, horizonNs?: bigint): KernelEvent[] {
  const events: KernelEvent[] = [];
  for (let event = buffer.take(horizonNs); event !== undefined; event = buffer.take(horizonNs)) events.push(event);
  return events;
}

describe('ReorderBuffer', () => {
  it('gives events by time, whatever was added and taken before', () => {
    const steps = fc.array(
      fc.oneof(fc.record({ add: fc.bigInt(0n, 50n) }), fc.record({ takeBefore: fc.bigInt(0n, 50n) })),
    );
    fc.assert(
      fc.property(steps, (list) => {
        const buffer = new ReorderBuffer();
        let model: bigint[] = [];
        for (const step of list) {
          if ('add' in step) {
            buffer.add(held(step.add));
            model = [...model, step.add].sort((a, b) => Number(a - b));
          } else {
            const expected = model.filter((ts) => ts < step.takeBefore);
            assert.deepEqual(
              drain(buffer, step.takeBefore).map(({ tsNs }) => tsNs),
              expected,
            );
            model = model.slice(expected.length);
          }
          assert.equal(buffer.length, model.length);
          assert.equal(buffer.size, model.length);
        }
        assert.deepEqual(
          drain(buffer).map(({ tsNs }) => tsNs),
          model,
        );
      }),
    );
  });
});

describe('the order of events', () => {
  it('is that of their time within the window', () => {
    const { events, counters } = decodeRecords([30, 10, 20].map((ts) => setsid(ts)));
    assert.deepEqual(
      events.map(({ tsNs }) => tsNs),
      [10n, 20n, 30n],
    );
    assert.equal(counters.late, 0);
  });

  it('holds an event until the window has passed it, and no longer', () => {
    const { decoder } = decodeRecords([]);
    const push = (record: object) => decoder.push(Buffer.from(`${JSON.stringify(record)}\n`)).map(({ tsNs }) => tsNs);
    assert.deepEqual(push(setsid(1)), []);
    assert.deepEqual(push(setsid(1 + WINDOW_NS)), []);
    assert.deepEqual(push({ k: 'clock', ts: String(2 + WINDOW_NS), wall: '1' }), [1n]);
  });

  it('passes on what comes too late, and counts it', () => {
    const { events, counters } = decodeRecords([setsid(100), setsid(200 + WINDOW_NS), setsid(199), setsid(200)]);
    assert.deepEqual(
      events.map(({ tsNs }) => tsNs),
      [100n, 199n, 200n, 200n + BigInt(WINDOW_NS)],
    );
    assert.equal(counters.late, 1);
  });

  it('follows the numbers of a CPU where times are equal', () => {
    const records = [setsid(5, { cpu: 0, seq: 3, sid: 3 }), setsid(5, { cpu: 0, seq: 2, sid: 2 })];
    assert.deepEqual(
      decodeRecords(records).events.map((event) => 'sid' in event && event.sid),
      [2, 3],
    );
  });

  it('tells what was noticed late before the event at which it was noticed', () => {
    const exec = { k: 'exec', ts: '5', pid: 7, start: '1' };
    assert.deepEqual(
      decodeRecords([exec, setsid(5, { late: 1 })]).events.map(({ kind }) => kind),
      ['setsid', 'exec'],
    );
  });

  it('stays bounded when time stands still', () => {
    const { decoder } = decodeRecords([]);
    const chunk = Buffer.from(`${JSON.stringify(setsid(1))}\n`.repeat(10_000));
    let passed = 0;
    for (let round = 0; round < 30; round++) passed += decoder.push(chunk).length;
    assert.equal(passed, 300_000 - 262_144);
    assert.equal(decoder.counters.hurried, passed);
    assert.equal(decoder.end().length, 262_144);
  });
});
