import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeRecords, setsid } from './decoding.ts';

const HELLO = { k: 'hello', v: 1, ts: '1', producer: 'p', version: '1' };
const ms = (value: number): number => value * 1_000_000;

function losses(records: readonly object[]): unknown[] {
  return decodeRecords(records).events.flatMap((event) =>
    event.kind === 'lost' ? [[event.of, event.count, event.sinceNs, event.tsNs, event.conn?.pid]] : [],
  );
}

describe('record numbers', () => {
  it('tell a gap with the times of its neighbours', () => {
    const records = [setsid(10, { cpu: 0, seq: 5 }), setsid(20, { cpu: 0, seq: 9 }), setsid(21, { cpu: 1, seq: 0 })];
    assert.deepEqual(losses(records), [['gap', 3, 10n, 20n, undefined]]);
  });

  it('put the gap before the events that follow it', () => {
    const after = [setsid(20), setsid(20, { cpu: 0, seq: 7 }), setsid(30)];
    const { events } = decodeRecords([setsid(10, { cpu: 0, seq: 5 }), ...after]);
    assert.deepEqual(
      events.map(({ kind, tsNs }) => `${kind} ${tsNs}`),
      ['setsid 10', 'lost 20', 'setsid 20', 'setsid 20', 'setsid 30'],
    );
  });

  it('tell a gap at once when its window has passed, not at the end', () => {
    const decoder = decodeRecords([]).decoder;
    const text = [setsid(1, { cpu: 0, seq: 0 }), setsid(2, { cpu: 0, seq: 2 }), setsid(ms(60))]
      .map((record) => `${JSON.stringify(record)}\n`)
      .join('');
    assert.deepEqual(
      decoder.push(Buffer.from(text)).map(({ kind }) => kind),
      ['setsid', 'lost', 'setsid'],
    );
  });

  it('drop duplicates, also of pieces, and count them', () => {
    const { events, counters } = decodeRecords([
      setsid(10, { cpu: 0, seq: 5 }),
      setsid(10, { cpu: 0, seq: 5 }),
      setsid(11, { cpu: 1, seq: 5 }),
    ]);
    assert.equal(events.length, 2);
    assert.equal(counters.duplicates, 1);
  });

  it('see nothing missing when records only change places', () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 10 });
    fc.assert(
      fc.property(order, (seqs) => {
        const { counters } = decodeRecords(seqs.map((seq) => setsid(100 + seq, { cpu: 0, seq })));
        assert.deepEqual([counters.gaps, counters.duplicates, counters.events], [0, 0, 10]);
      }),
    );
  });

  it('tell the same gaps in whatever order the records come', () => {
    const kept = [0, 1, 4, 5, 9, 11];
    const expected = losses(kept.map((seq) => setsid(100 + seq, { cpu: 0, seq })));
    assert.deepEqual(expected.length, 3);
    fc.assert(
      fc.property(fc.shuffledSubarray(kept, { minLength: kept.length }), (seqs) => {
        assert.deepEqual(losses(seqs.map((seq) => setsid(100 + seq, { cpu: 0, seq }))), expected);
      }),
    );
  });

  it('pass on a record that comes after it was given up, and know it when it comes again', () => {
    const late = setsid(3, { cpu: 0, seq: 1 });
    const records = [setsid(2, { cpu: 0, seq: 0 }), setsid(4, { cpu: 0, seq: 3 }), setsid(ms(60), { cpu: 0, seq: 4 })];
    const { events, counters } = decodeRecords([...records, late, late]);
    assert.equal(events.filter(({ tsNs }) => tsNs === 3n).length, 1);
    assert.deepEqual([counters.late, counters.duplicates, counters.missing], [1, 1, 2]);
  });

  it('reveal loss at the tail by a seq record', () => {
    const tail = { k: 'seq', ts: '30', cpu: 0, next: 9 };
    assert.deepEqual(losses([setsid(10, { cpu: 0, seq: 5 }), tail]), [['gap', 3, 10n, 30n, undefined]]);
    assert.deepEqual(losses([setsid(10, { cpu: 0, seq: 8 }), tail]), []);
    assert.deepEqual(losses([tail, setsid(31, { cpu: 0, seq: 9 })]), []);
    assert.deepEqual(losses([tail, setsid(31, { cpu: 0, seq: 10 })]), [['gap', 1, 30n, 31n, undefined]]);
  });

  it('count an unreadable record as missing, an unknown kind as seen', () => {
    const [first, last] = [setsid(10, { cpu: 0, seq: 0 }), setsid(12, { cpu: 0, seq: 2 })];
    assert.equal(losses([first, setsid(11, { cpu: 0, seq: 1, pid: -1 }), last]).length, 1);
    assert.equal(losses([first, { k: 'later', ts: '11', cpu: 0, seq: 1 }, last]).length, 0);
  });

  it('begin anew with a new hello', () => {
    const records = [HELLO, setsid(10, { cpu: 0, seq: 500 }), { ...HELLO, ts: '2' }, setsid(3, { cpu: 0, seq: 0 })];
    const { events, counters } = decodeRecords(records);
    assert.deepEqual([counters.gaps, counters.duplicates, counters.late], [0, 0, 0]);
    assert.equal(events.length, 4);
  });

  it('do not tell a gap again that lost records with their connection account for', () => {
    const lost = { k: 'lost', ts: '15', of: 'exec', n: 3, conn: [9, '1'] };
    const around = [setsid(10, { cpu: 0, seq: 5 }), setsid(20, { cpu: 0, seq: 9 })];
    assert.deepEqual(losses([...around, lost]), [['exec', 3, undefined, 15n, 9]]);
    assert.deepEqual(losses([...around, { ...lost, n: 2 }]).length, 2, 'a part is not all');
    assert.deepEqual(losses([...around, { ...lost, conn: undefined }]).length, 2, 'nobody knows whose');
  });

  it('do not excuse a later gap by a lost record that told of an earlier one', () => {
    const lost = { k: 'lost', ts: String(ms(200)), of: 'exec', n: 3, conn: [9, '1'] };
    const first = [
      setsid(10, { cpu: 0, seq: 5 }),
      setsid(20, { cpu: 0, seq: 9 }),
      setsid(ms(100), { cpu: 0, seq: 10 }),
    ];
    const second = [setsid(ms(300), { cpu: 0, seq: 11 }), setsid(ms(400), { cpu: 0, seq: 15 })];
    assert.deepEqual(
      losses([...first, lost, ...second]).map((loss) => (loss as unknown[])[0]),
      ['gap', 'exec', 'gap'],
    );
  });

  it('stay bounded when a hostile stream leaves ever more gaps at one time', () => {
    const { decoder } = decodeRecords([]);
    for (let seq = 0; seq < 20_000; seq += 2) {
      decoder.push(Buffer.from(`${JSON.stringify(setsid(1, { cpu: 0, seq }))}\n`));
    }
    assert.ok(decoder.counters.gaps > 5_000, `${decoder.counters.gaps} gaps were given up on the way`);
  });
});
