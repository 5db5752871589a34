import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Joiner } from '../../agent/decode/joiner.ts';
import type { CutBytes, KernelEvent } from '../../agent/decode/kernel-event.ts';
import { decodeRecords, hex, setsid, textOf } from './decoding.ts';

const EXEC = { k: 'exec', ts: '5', pid: 7, start: '1', argv: hex('abc'), argv_len: 9 };

function piece(off: number, text: string, more: object = {}): object {
  return { k: 'bytes', of: 'argv', pid: 7, ts: '5', off, len: text.length, total: 9, data: hex(text), ...more };
}

function argvOf(events: readonly KernelEvent[], pid = 7): [string | undefined, number | undefined] {
  const exec = events.find((event) => event.kind === 'exec' && event.process.pid === pid);
  const argv: CutBytes | undefined = exec?.kind === 'exec' ? exec.argv : undefined;
  return [textOf(argv?.bytes), argv?.length];
}

describe('joining long values', () => {
  it('makes a value whole of its head and its pieces, in any order and with overlap', () => {
    const records = [EXEC, piece(3, 'def'), piece(5, 'fgh'), piece(8, 'i')];
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: 4 }), (order) => {
        assert.deepEqual(argvOf(decodeRecords(order).events), ['abcdefghi', 9]);
      }),
    );
  });

  it('gives the same of overlapping pieces that disagree, in any order', () => {
    const records = [EXEC, piece(3, 'def'), piece(3, 'xyz'), piece(4, 'EFGHI')];
    const expected = argvOf(decodeRecords(records).events);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: 4 }), (order) => {
        assert.deepEqual(argvOf(decodeRecords(order).events), expected);
      }),
    );
  });

  it('cuts a value at its first hole and keeps its true length', () => {
    assert.deepEqual(argvOf(decodeRecords([EXEC, piece(6, 'ghi')]).events), ['abc', 9]);
    const unread = { ...piece(3, 'def'), data: undefined };
    assert.deepEqual(argvOf(decodeRecords([EXEC, unread, piece(6, 'ghi')]).events), ['abc', 9]);
    const short = { ...piece(3, 'def'), data: hex('de') };
    assert.deepEqual(argvOf(decodeRecords([EXEC, short, piece(6, 'ghi')]).events), ['abcde', 9]);
  });

  it('joins monitor messages, log lines and file names', () => {
    const process = { pid: 7, start: '1' };
    const { events } = decodeRecords([
      { k: 'mon', ts: '5', ...process, type: 113, len: 6, total: 6, data: hex('abc') },
      piece(3, 'def', { of: 'mon', total: 6 }),
      { k: 'log', ts: '6', ...process, len: 6, data: hex('abc') },
      piece(3, 'def', { of: 'log', total: 6, ts: '6' }),
      { k: 'execfail', ts: '7', ...process, ret: -2, file: hex('abc') },
      piece(3, 'def', { of: 'file', total: 6, ts: '7' }),
    ]);
    const values = events.map((event) => ('data' in event ? event.data : event.kind === 'execfail' && event.file));
    const whole = { bytes: new TextEncoder().encode('abcdef'), length: 6 };
    assert.deepEqual(
      values.map((value) => value && { ...value, bytes: Uint8Array.from(value.bytes) }),
      [whole, whole, whole],
    );
  });

  it('leaves alone another event of the same process at the same time', () => {
    const { events } = decodeRecords([setsid(5), EXEC, piece(3, 'defghi')]);
    assert.deepEqual(argvOf(events), ['abcdefghi', 9]);
    assert.equal(events.length, 2);
  });

  it('gives a leader its variables, sorted, the first of a name', () => {
    const env = (data: string, more: object = {}) => ({ k: 'env', ts: '5', pid: 7, data: hex(data), ...more });
    const records = [EXEC, env('SSH_TTY=/dev/pts/0\0\0'), env('SSH_CLIENT=a=b c', { cut: 1 }), env('SSH_TTY=forged')];
    const [exec] = decodeRecords([...records, env('TRACEPARENT=00', { len: 20 })]).events;
    const told =
      exec?.kind === 'exec' ? exec.env.map(({ name, value }) => [name, textOf(value.bytes), value.length]) : [];
    assert.deepEqual(told, [
      ['SSH_CLIENT', 'a=b c', 6],
      ['SSH_TTY', '/dev/pts/0', 10],
      ['TRACEPARENT', '00', 8],
    ]);
  });

  it('counts parts without a head and forgets them', () => {
    const { counters, events } = decodeRecords([piece(0, 'abc'), piece(3, 'def'), setsid(200_000_000)]);
    assert.equal(counters.orphanParts, 2);
    assert.equal(events.length, 1);
  });

  it('keeps the true length of a value beyond the limit, and nothing behind the cut', () => {
    const records = [EXEC, piece(3, 'def'), piece(6, 'ghi'), piece(8, 'i')];
    const { events, counters } = decodeRecords(records, { maxValueBytes: 5 });
    assert.deepEqual(argvOf(events), ['abcdef', 9]);
    assert.equal(counters.refusedParts, 2);
  });

  it('forgets what waited for a head that never came', () => {
    const joiner = new Joiner();
    const part = { kind: 'bytes', of: 'argv', pid: 7, owner: 7, offset: 0, total: 9 } as const;
    joiner.addPiece({ ...part, tsNs: 5n, data: new Uint8Array(1_000) });
    joiner.addPiece({ ...part, tsNs: 6n, data: new Uint8Array(1_000) });
    joiner.expire(6n);
    assert.ok(joiner.size > 1_000 && joiner.size < 2_000, `${joiner.size} bytes are held`);
    joiner.expire(7n);
    assert.equal(joiner.size, 0);
  });

  for (const first of ['the neighbour', 'the flood']) {
    it(`makes the flood pay, not its neighbour, when ${first} comes first`, () => {
      const total = 100_000;
      const flood = Array.from({ length: 50 }, (_, at) => ({
        ...piece(at * 1_000, 'x'.repeat(1_000), { total, pid: 8, conn: [8, '1'] }),
        ts: String(6 + (at % 5)),
      }));
      const heads = [6, 7, 8, 9, 10].map((ts) => ({ ...EXEC, ts: String(ts), pid: 8, argv: '', argv_len: total }));
      const value = 'v'.repeat(6_000);
      const neighbour = [EXEC, piece(3, value, { total: 6_003 })];
      const floodFirst = [...heads, ...flood, ...neighbour];
      const records = first === 'the flood' ? floodFirst : [...neighbour, ...heads, ...flood];
      const { events, counters } = decodeRecords(records, { maxWaitingBytes: 20_000 });
      assert.deepEqual(argvOf(events), [`abc${value}`, 6_003]);
      assert.equal(argvOf(events, 8)[1], total);
      assert.ok(counters.refusedParts > 30);
    });
  }
});
