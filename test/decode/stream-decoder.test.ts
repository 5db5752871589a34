import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_LINE_BYTES } from '../../agent/decode/lines.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';
import { decodeChunks, decodeRecords, hex, setsid, toBytes, toLines } from './decoding.ts';

const PROCESS = { pid: 7, start: '1' };
/** A bit of everything, also faults, with numbers; short enough to be cut at every byte. */
const SHORT = toLines([
  '# a comment',
  'Attaching 9 probes...',
  { k: 'hello', v: 1, ts: '1', producer: 'p', version: '1' },
  { k: 'clock', ts: '2', wall: '3' },
  { k: 'exec', ts: '5', cpu: 0, seq: 0, ...PROCESS, argv: hex('a\nb\xff'), argv_len: 6 },
  { k: 'bytes', of: 'argv', ts: '5', cpu: 0, seq: 1, pid: 7, off: 4, len: 2, total: 6, data: '00 61' },
  { k: 'env', ts: '5', cpu: 0, seq: 2, pid: 7, data: hex('SSH_TTY=x') },
  '',
  setsid(6, { cpu: 0, seq: 4 }),
  'garbage \xff\xc3',
  { k: 'exit', ts: '70000000', cpu: 1, seq: 0, ...PROCESS, code: 1, signal: 0, core: 0 },
  { k: 'end', ts: '70000001' },
]);

function inChunks(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

/** Lines in an order in which none comes more than the window late; `hello` stays first. */
function shuffled(bytes: Uint8Array, seed: number): Uint8Array {
  const lines = Buffer.from(bytes)
    .toString('latin1')
    .split('\n')
    .filter((line) => line.startsWith('{'));
  let state = seed;
  const placed = lines.slice(1).map((line) => {
    state = (state * 48_271) % 0x7fff_ffff;
    const ts = BigInt(/"ts":"(\d+)"/.exec(line)?.[1] ?? '0');
    return { line, at: ts + BigInt(state % 49_999_999) };
  });
  placed.sort((a, b) => Number(a.at - b.at));
  return toBytes(`${[lines[0], ...placed.map(({ line }) => line)].join('\n')}\n`);
}

describe('StreamDecoder', () => {
  it('gives the same events wherever a short stream is cut', () => {
    const bytes = toBytes(SHORT);
    const whole = decodeChunks([bytes]);
    assert.deepEqual(
      whole.events.map(({ kind }) => kind),
      ['hello', 'clock', 'exec', 'lost', 'setsid', 'exit', 'end'],
    );
    for (let at = 0; at <= bytes.length; at++) {
      const { events, counters, decoder } = decodeChunks([bytes.subarray(0, at), bytes.subarray(at)]);
      assert.deepEqual(events, whole.events);
      assert.deepEqual(counters, whole.counters);
      assert.deepEqual(decoder.errors, whole.decoder.errors);
    }
  });

  it('tells of a stream that is cut short at any byte what came before', () => {
    const bytes = toBytes(SHORT);
    const { events: whole } = decodeChunks([bytes]);
    const kinds = whole.map(({ kind }) => kind).join(' ');
    for (let at = 0; at < bytes.length; at++) {
      const { events, counters } = decodeChunks([bytes.subarray(0, at)]);
      assert.ok(kinds.startsWith(events.map(({ kind }) => kind).join(' ')), `cut at ${at}`);
      // At most the cut line itself; the garbage of the stream is of other kinds.
      assert.ok(counters.rejected['not-json'] <= 1);
    }
  });

  for (const name of streamNames()) {
    const bytes = loadStream(name);
    const { events: whole } = decodeChunks([bytes]);

    it(`gives the same events of ${name} byte by byte`, () => {
      assert.ok(whole.length > (name.endsWith('-story') ? 700 : 8));
      assert.deepEqual(decodeChunks(inChunks(bytes, 1)).events, whole);
    });

    it(`gives the same events of ${name} shuffled within the window`, () => {
      for (const seed of [1, 2, 3]) {
        const mixed = shuffled(bytes, seed);
        assert.notDeepEqual(mixed, bytes);
        const { events, counters } = decodeChunks([mixed]);
        assert.equal(counters.late, 0);
        assert.deepEqual(events, whole);
      }
    });
  }

  it('loses no neighbour of a hostile line', () => {
    const hostile = [
      'x'.repeat(MAX_LINE_BYTES + 1),
      `{"k":"exit","ts":"${'9'.repeat(MAX_LINE_BYTES)}"}`,
      `{"k":"exec","argv":${'['.repeat(100_000)}`,
      '{"k":"__proto__","ts":"1"}',
      '{"k":"exec","__proto__":{"ts":"1","pid":1,"start":"1"}}',
      '\x00\x00\x00',
      '\r',
      '{"k":"setsid","ts":"\u0661","pid":7,"start":"1","sid":1}',
    ];
    for (const line of hostile) {
      const { events, counters } = decodeRecords([setsid(1), line, setsid(2)]);
      assert.deepEqual(
        events.map(({ tsNs }) => tsNs),
        [1n, 2n],
        line.slice(0, 40),
      );
      assert.equal(
        Object.values(counters.rejected).reduce((sum, count) => sum + count),
        1,
      );
    }
  });

  it('forges nothing from bytes that a user chose', () => {
    const forged = `\n{"k":"exit","ts":"1","pid":7,"start":"1","code":0,"signal":0}\n`;
    const { events } = decodeRecords([{ k: 'exec', ts: '5', ...PROCESS, argv: hex(forged), comm: hex('"}\n{"k":') }]);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['exec'],
    );
  });

  it('keeps the first errors of each kind without any content of the stream', () => {
    const secret = 'hunter2';
    const { decoder, counters } = decodeRecords([
      ...Array.from({ length: 9 }, () => secret),
      `{"k":"${secret}","ts":"1"}`,
      `{"k":"exec","${secret}`,
      { k: 'exec', ts: secret, pid: 1, start: '1', comm: secret },
      `Lost ${secret}`,
    ]);
    assert.equal(counters.rejected['not-a-record'], 9);
    assert.equal(decoder.errors.length, 4 + 4);
    assert.doesNotMatch(JSON.stringify(decoder.errors), new RegExp(secret));
    assert.deepEqual(decoder.errors.at(-2), {
      kind: 'out-of-range',
      lineNumber: 12,
      offset: 118,
      length: 64,
      record: 'exec',
      field: 'ts',
    });
  });

  it('takes a last record without its newline', () => {
    assert.equal(decodeChunks([toBytes(toLines([setsid(1)]).trimEnd())]).events.length, 1);
  });

  it('tells hello before anything that follows it, also what was made long before', () => {
    const hello = { k: 'hello', v: 1, ts: '900000000', producer: 'p', version: '1' };
    const { events } = decodeRecords([hello, setsid(1), setsid(899_999_999)]);
    assert.deepEqual(
      events.map(({ tsNs }) => tsNs),
      [900_000_000n, 1n, 899_999_999n],
    );
  });

  it('passes on all that was held when a new hello begins, even with an earlier clock', () => {
    const hello = (ts: number) => ({ k: 'hello', v: 1, ts: String(ts), producer: 'p', version: '1' });
    const { events, counters } = decodeRecords([hello(900_000_000), setsid(900_000_001), hello(5), setsid(6)]);
    assert.deepEqual(
      events.map(({ tsNs }) => tsNs),
      [900_000_000n, 900_000_001n, 5n, 6n],
    );
    assert.equal(counters.late, 0);
  });
});
