/** bpftrace reads the buffer of one CPU after the other: one CPU's records may come seconds after another's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRecords, hex, setsid } from './decoding.ts';

const HELLO = { k: 'hello', v: 1, ts: '1', producer: 'bpftrace', version: '1', fills: ['seq'] };
const SECOND = 1_000_000_000;
const seq = (cpu: number, ts: number, next: number) => ({ k: 'seq', cpu, ts: String(ts), next });
const clock = (ts: number) => ({ k: 'clock', ts: String(ts), wall: '1' });
const opening = [HELLO, seq(0, 1, 0), seq(1, 1, 0)];

describe('records of a CPU whose buffer is read last', () => {
  it('are put in order, their arguments with them, up to 3 s behind', () => {
    const records = [
      ...opening,
      setsid(2 * SECOND, { cpu: 0, seq: 0 }),
      clock(2.5 * SECOND),
      ...[seq(0, 2.5 * SECOND, 1), seq(1, 2.5 * SECOND, 2)],
      { k: 'exec', ts: String(SECOND), pid: 7, start: '1', cpu: 1, seq: 0, argv_len: 2 },
      {
        k: 'bytes',
        of: 'argv',
        ts: String(SECOND),
        cpu: 1,
        seq: 1,
        pid: 7,
        off: 0,
        len: 2,
        total: 2,
        data: hex('a\0'),
      },
      ...[clock(3.5 * SECOND), seq(0, 3.5 * SECOND, 1), seq(1, 3.5 * SECOND, 2)],
    ];
    const { events, counters } = decodeRecords(records);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['hello', 'exec', 'setsid', 'clock', 'clock'],
    );
    const exec = events.find((event) => event.kind === 'exec');
    assert.equal(exec?.argv?.bytes.length, 2);
    assert.deepEqual([counters.late, counters.missing, counters.orphanParts], [0, 0, 0]);
  });

  it('are given up after that, once', () => {
    const records = [...opening, clock(SECOND), seq(0, SECOND, 0), seq(1, SECOND, 2), clock(4 * SECOND + 1)];
    const { events, counters } = decodeRecords(records);
    assert.deepEqual([counters.gaps, counters.missing], [1, 2]);
    assert.ok(events.some((event) => event.kind === 'lost' && event.count === 2));
  });
});

describe('an event that comes too late to be put in order', () => {
  it('still gets its arguments, which come behind it', () => {
    const records = [
      setsid(1),
      clock(SECOND),
      { k: 'exec', ts: '5', pid: 7, start: '1', argv_len: 2 },
      { k: 'bytes', of: 'argv', ts: '5', pid: 7, off: 0, len: 2, total: 2, data: hex('a\0') },
      clock(2 * SECOND),
    ];
    const { events, counters } = decodeRecords(records);
    const exec = events.find((event) => event.kind === 'exec');
    assert.equal(exec?.argv?.bytes.length, 2);
    assert.deepEqual([counters.late, counters.orphanParts], [1, 0]);
  });
});
