import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadStream } from '../helpers/streams.ts';
import { decodeChunks, decodeRecords, toBytes, toLines } from './decoding.ts';

type NumberedRecord = Record<string, unknown> & { ts: string; cpu?: number; seq?: number };

const SECOND_NS = 1_000_000_000n;
const CPUS = [0, 1];

/** Repeatable numbers below `limit`. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % limit;
  };
}

/** A recorded login as a producer that numbers its records tells it, with `seq` records each second. */
function numbered(name: string): { hello: NumberedRecord; records: NumberedRecord[] } {
  const lines = Buffer.from(loadStream(name)).toString('latin1').split('\n');
  const [hello, ...rest] = lines.filter((line) => line.startsWith('{')).map((line): NumberedRecord => JSON.parse(line));
  assert.ok(hello !== undefined);
  const made = CPUS.map(() => 0);
  const records: NumberedRecord[] = [];
  let nextNs = BigInt(hello.ts) + SECOND_NS;
  for (const record of rest) {
    for (; BigInt(record.ts) > nextNs; nextNs += SECOND_NS) {
      const ts = String(nextNs);
      for (const cpu of CPUS) records.push({ k: 'seq', ts, cpu, next: made[cpu] });
    }
    if (record.cpu === undefined) records.push(record);
    else {
      const seq = made[record.cpu] ?? 0;
      made[record.cpu] = seq + 1;
      records.push({ ...record, seq });
    }
  }
  return { hello, records };
}

describe('a stream that lost records', () => {
  const { hello, records } = numbered('9.2-debian-story');
  const random = randomFrom(7);
  const kept = records.filter(({ seq }) => seq === undefined || random(50) > 0);
  const missing = records.length - kept.length;

  for (const fills of [[], ['seq']]) {
    const opening = { ...hello, fills };
    const whole = decodeRecords([opening, ...kept]);

    it(`counts exactly what is missing (fills: ${fills})`, () => {
      assert.ok(missing > 10);
      assert.equal(whole.counters.missing, missing);
      const told = whole.events.flatMap((event) => (event.kind === 'lost' ? [event.count] : []));
      assert.equal(
        told.reduce((sum, count) => sum + count, 0),
        missing,
      );
    });

    it(`tells the same byte by byte (fills: ${fills})`, () => {
      const bytes = toBytes(toLines([opening, ...kept]));
      const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
      assert.deepEqual(decodeChunks(single).events, whole.events);
    });

    it(`tells the same loss, with the same times, shuffled within the window (fills: ${fills})`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const jitter = randomFrom(seed);
        const placed = kept.map((record) => ({ record, at: BigInt(record.ts) + BigInt(jitter(49_999_999)) }));
        placed.sort((a, b) => Number(a.at - b.at));
        const { events, counters } = decodeRecords([opening, ...placed.map(({ record }) => record)]);
        assert.equal(counters.late, 0);
        assert.deepEqual(events, whole.events);
      }
    });
  }
});
