import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SpoolOptions } from '../../agent/export/options.ts';
import { type OpenedSpool, openSpool } from '../../agent/export/spool.ts';
import { scanSegment } from '../../agent/export/spool-format.ts';
import { WaitingSpans } from '../../agent/export/waiting-spans.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { LogLines, RESOURCE, singleSpans, spanRecord } from '../helpers/export-fixtures.ts';

const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'sshd-otel-spool-'));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
function options(overrides: Partial<SpoolOptions> = {}): SpoolOptions {
  return { folder: join(root, String(folders++)), maxBytes: 4 * MIB, maxAgeMs: 3_600_000, ...overrides };
}

const said = new LogLines();
function open(own: SpoolOptions, nowMs = () => Date.now(), log = said.log): OpenedSpool {
  const opened = openSpool(own, log, nowMs);
  assert.ok(opened !== undefined, said.lines.join('\n'));
  return opened;
}

/** As if the agent had been killed: nothing is closed, and the lock stays with a process that is gone. */
function abandon({ folder }: SpoolOptions): void {
  writeFileSync(join(folder, 'lock'), '999999999 1\n');
}

function reopened(own: SpoolOptions): { opened: OpenedSpool; records: SpanRecord[] } {
  const opened = open(own);
  return { opened, records: opened.waiting.map(({ ref }) => opened.spool.read(ref).record) };
}

function segmentsOf({ folder }: SpoolOptions): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.spool'))
    .sort()
    .map((name) => join(folder, name));
}

test('what was written comes back as it was, in order, with its resource; what was settled does not', () => {
  const own = options();
  const { spool } = open(own);
  const strange = spanRecord({
    name: 'ünï\u0000\u202e"\\\n',
    endNs: 2n ** 62n,
    attributes: { a: ['x', ''], b: true, c: 1.5 },
    links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), remote: true, attributes: {} }],
  });
  const spans = [...singleSpans(20), strange];
  const other = { attributes: { 'host.name': 'other' } };
  const refs = [...(spool.append(spans, RESOURCE, 0) ?? []), ...(spool.append([strange], other, 0) ?? [])];
  assert.equal(refs.length, 22);
  for (const i of [0, 1, 7, 20]) if (refs[i] !== undefined) spool.settle(refs[i]);
  spool.commit();
  abandon(own);
  const { opened, records } = reopened(own);
  const expected = [...spans, strange].filter((_span, i) => ![0, 1, 7, 20].includes(i));
  assert.deepEqual(records, expected);
  assert.deepEqual(opened.waiting.map(({ ref }) => ref.resource.attributes).at(-1), other.attributes);
  assert.deepEqual(opened.waiting[0]?.ref.resource, RESOURCE);
  opened.spool.close();
});

test('a tail torn at any byte costs what was being written and nothing else, and is no damage', () => {
  const own = options();
  open(own).spool.append(singleSpans(4), RESOURCE, 0);
  const [path = ''] = segmentsOf(own);
  const bytes = readFileSync(path);
  const ends = scanSegment(bytes).records.map(({ offset, length }) => offset + length);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { records, damaged, torn } = scanSegment(bytes.subarray(0, cut));
    assert.equal(records.length, ends.filter((end) => end <= cut).length);
    assert.equal(damaged, 0);
    assert.equal(torn, cut - (ends.findLast((end) => end <= cut) ?? 0));
  }
  writeFileSync(path, bytes.subarray(0, (ends[4] ?? 0) - 1));
  abandon(own);
  const { opened, records } = reopened(own);
  assert.deepEqual(records, singleSpans(3));
  // What comes afterwards is not written behind the torn tail.
  opened.spool.append(singleSpans(1, 1, 9), RESOURCE, 0);
  abandon(own);
  assert.deepEqual(reopened(own).records, [...singleSpans(3), ...singleSpans(1, 1, 9)]);
});

test('a flipped bit anywhere costs one record, is said, and what follows is found again', () => {
  const spans = singleSpans(5);
  const own = options();
  open(own).spool.append(spans, RESOURCE, 0);
  const bytes = readFileSync(segmentsOf(own)[0] ?? '');
  const whole = scanSegment(bytes).records;
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
    const { records, damaged, torn } = scanSegment(flipped);
    const hit = whole.findIndex(({ offset, length }) => at >= offset && at < offset + length);
    assert.deepEqual(
      records.map(({ offset }) => offset),
      whole.filter((_record, i) => i !== hit).map(({ offset }) => offset),
      `byte ${at}`,
    );
    assert.equal(damaged + torn, whole[hit]?.length);
  }
});

test('what is damaged after it was queued is refused, never sent as something else', () => {
  const own = options();
  const { spool } = open(own);
  const [ref] = spool.append(singleSpans(1), RESOURCE, 0) ?? [];
  assert.ok(ref !== undefined);
  const [path = ''] = segmentsOf(own);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(ref.offset + 40) ^ 1, ref.offset + 40);
  writeFileSync(path, bytes);
  assert.throws(() => spool.read(ref), /damaged on disk/);
});

test('it never takes more space than it may; what waits long is carried along and stays what it was', () => {
  const own = options({ maxBytes: MIB });
  const { spool } = open(own);
  const [first] = singleSpans(1, 0);
  assert.ok(first !== undefined);
  const [old] = spool.append([first], RESOURCE, 0) ?? [];
  for (let i = 1; i < 6_000; i += 10) {
    const refs = spool.append(singleSpans(10, 1, i), RESOURCE, i % 7) ?? [];
    assert.equal(refs.length, 10);
    for (const ref of refs) spool.settle(ref);
    spool.commit();
    assert.ok(spool.bytes <= MIB, String(spool.bytes));
  }
  assert.ok(old !== undefined);
  assert.deepEqual(spool.read(old).record, first);
  abandon(own);
  const { records, opened } = reopened(own);
  assert.deepEqual(records, [first]);
  assert.deepEqual(opened.waiting[0]?.ref.resource, RESOURCE);
});

test('when the disk share is full what never authenticated goes first, then the one who has most', () => {
  const own = options({ maxBytes: MIB });
  const waiting = new WaitingSpans({ queue: { maxSpans: 10, maxBytes: MIB }, spool: own }, said.log, () => Date.now());
  const of = (connection: string, priority: 0 | 1 | 2, count: number, first: number): SpanRecord[] =>
    singleSpans(count, priority, first).map((span) => ({
      ...span,
      attributes: { 'ssh.connection.id': connection, 'client.address': connection, padding: 'x'.repeat(500) },
    }));
  waiting.add(of('scanner', 2, 100, 0), RESOURCE, 0);
  waiting.add(of('neighbour', 1, 50, 1000), RESOURCE, 0);
  waiting.add(of('login', 0, 50, 2000), RESOURCE, 0);
  for (let i = 0; i < 40; i++) waiting.add(of('flood', 1, 50, 10_000 + i * 50), RESOURCE, 0);
  assert.equal(waiting.size, waiting.onDisk);
  const kept = new Map<unknown, number>();
  for (const { item } of waiting.take(100_000, Infinity))
    for (const { record } of waiting.read([item])) {
      const connection = record.attributes['ssh.connection.id'];
      kept.set(connection, (kept.get(connection) ?? 0) + 1);
    }
  assert.deepEqual([kept.get('scanner'), kept.get('neighbour'), kept.get('login')], [undefined, 50, 50]);
  const flood = kept.get('flood') ?? 0;
  assert.ok(flood > 300 && flood < 2000, String(flood));
  assert.deepEqual(waiting.dropped, [0, 2000 - flood, 100]);
});

test('what has waited too long is dropped and counted, at the start and later', () => {
  const own = options({ maxAgeMs: 1000 });
  let nowMs = 1_000_000;
  const open_ = () => new WaitingSpans({ queue: { maxSpans: 10, maxBytes: MIB }, spool: own }, said.log, () => nowMs);
  const first = open_();
  first.add(singleSpans(3), RESOURCE, 0);
  nowMs += 900;
  first.add(singleSpans(2, 1, 10), RESOURCE, 0);
  nowMs += 200;
  first.add(singleSpans(1, 1, 20), RESOURCE, 0);
  assert.deepEqual([first.size, first.expired, first.dropped], [3, 3, [0, 3, 0]]);
  assert.deepEqual(first.close(), { lost: 0, kept: 3 });
  nowMs += 850;
  const second = open_();
  assert.deepEqual([second.recovered, second.size, second.expired], [3, 1, 2]);
});

test('one agent at a time: a second one is told, a dead one leaves no obstacle', () => {
  const own = options();
  const { spool } = open(own);
  const logs = new LogLines();
  // The lock of a living process that is not us: our parent.
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'latin1');
  const lock = join(own.folder, 'lock');
  const mine = readFileSync(lock, 'latin1');
  writeFileSync(lock, `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}\n`);
  assert.equal(
    openSpool(own, logs.log, () => 0),
    undefined,
  );
  assert.match(logs.lines.join(), /another agent uses .*: spans wait in memory only/);
  writeFileSync(lock, mine);
  spool.close();
  assert.deepEqual(readdirSync(own.folder), []);
});

test('how many finished spans a killed agent held is told once; after an orderly end there are none', () => {
  const own = options();
  const { spool } = open(own);
  spool.append(singleSpans(1), RESOURCE, 5);
  spool.append([], RESOURCE, 42);
  abandon(own);
  const logs = new LogLines();
  assert.equal(open(own, Date.now, logs.log).lostHeld, 42);
  assert.match(logs.lines.join('\n'), /an earlier run was killed: 42 finished spans that it held back are lost/);
  abandon(own);
  const third = open(own);
  assert.equal(third.lostHeld, 0);
  third.spool.append([], RESOURCE, 7);
  third.spool.close();
  assert.equal(open(own).lostHeld, 0);
});

test('the held count survives the segment in which it was written first', () => {
  const own = options({ maxBytes: MIB });
  const { spool } = open(own);
  for (let i = 0; i < 1000; i += 10) {
    for (const ref of spool.append(singleSpans(10, 1, i), RESOURCE, 9) ?? []) spool.settle(ref);
    spool.commit();
  }
  abandon(own);
  assert.equal(open(own).lostHeld, 9);
});
