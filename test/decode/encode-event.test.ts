import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc, { type Arbitrary } from 'fast-check';
import { encodeEvent } from '../../agent/decode/encode-event.ts';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { MAX_LINE_BYTES } from '../../agent/decode/lines.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';
import { type Decoded, decodeChunks, toBytes } from './decoding.ts';

const maybe = <T>(some: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(some, { nil: undefined });
const record = <T>(model: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true });
const u16 = fc.nat(65_535);
const u32 = fc.nat(0xffff_fffe);
const u64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn);
const count = fc.nat(Number.MAX_SAFE_INTEGER);
const word = fc.stringMatching(/^[A-Za-z0-9._:+~%/@-]{1,40}$/);
const identity = record({ pid: fc.integer({ min: 1, max: 0x7fff_ffff }), startNs: u64 });
const uids = fc.tuple(u32, u32, u32);
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 20_000, max: 200_000 }).map((length) => new Uint8Array(length).map((_, at) => (at * 7) % 251)),
);
const cString = (maxLength: number) => fc.uint8Array({ min: 1, maxLength });
/** A value, whole or cut. */
const cut = (bytes: Arbitrary<Uint8Array>) =>
  fc
    .tuple(bytes, fc.oneof(fc.constant(0), fc.nat(1_000_000)))
    .map(([head, rest]) => ({ bytes: head, length: head.length + rest }));
const file = maybe(cut(anyBytes.map((bytes) => bytes.map((byte) => byte || 1))));
/** Whole, or cut without anybody knowing by how much. */
const path = maybe(
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 4095 }), fc.nat(1))
    .map(([bytes, rest]) => ({ bytes, length: bytes.length + rest })),
);
const env = fc
  .uniqueArray(
    record({
      name: fc.constantFrom(
        'SSH_CLIENT',
        'SSH_CONNECTION',
        'SSH_ORIGINAL_COMMAND',
        'SSH_TTY',
        'TRACEPARENT',
        'TRACESTATE',
      ),
      value: cut(cString(60)),
    }),
    { selector: ({ name }) => name },
  )
  .map((entries) => entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

const inProcess = {
  tsNs: u64,
  process: identity,
  conn: maybe(identity),
  role: maybe(fc.constantFrom('listener' as const, 'sshd' as const, 'program' as const)),
};
const endpoints = { peer: word, peerPort: u16, local: maybe(word), localPort: maybe(u16) };
const kind = <K extends KernelEvent['kind']>(name: K) => ({ kind: fc.constant(name) });
const cpu = maybe(record({ userNs: u64, systemNs: u64 }));
const late = { late: fc.boolean() };

const EVENTS: readonly Arbitrary<KernelEvent>[] = [
  record({
    ...kind('hello'),
    tsNs: u64,
    version: fc.constant(1),
    producer: word,
    producerVersion: word,
    hooks: fc.array(word),
    fills: fc.array(word),
    bootId: maybe(word.map((text) => text.slice(0, 36))),
    machineId: maybe(word.map((text) => text.slice(0, 32))),
    hostName: maybe(fc.stringMatching(/^[a-zé-]{1,30}$/)),
    pidNamespace: maybe(u32),
  }),
  record({ ...kind('clock'), tsNs: u64, wallNs: u64 }),
  record({
    ...kind('seed'),
    ...inProcess,
    parent: maybe(identity),
    uids: maybe(uids),
    sid: maybe(u32),
    pgid: maybe(u32),
    loginUid: maybe(u32),
    execId: maybe(u32),
    cgroup: maybe(u64.map(String)),
    cgroupPath: fc.constant(undefined),
    comm: maybe(cString(15)),
    file,
    argv: maybe(cut(anyBytes)),
    title: maybe(cString(100)),
    env,
  }).chain((seed) => record(endpoints).map((ends) => ({ ...seed, ...ends }))),
  record({ ...kind('seed-end'), tsNs: u64, count }),
  record({
    ...kind('fork'),
    ...inProcess,
    child: identity,
    execId: maybe(u32),
    uids: maybe(uids),
    sid: maybe(u32),
    pidNamespace: maybe(u32),
    innerPid: maybe(u32),
  }),
  record({
    ...kind('exec'),
    ...inProcess,
    ppid: maybe(u32),
    uids: maybe(uids),
    gid: maybe(u32),
    gids: maybe(uids),
    sid: maybe(u32),
    pgid: maybe(u32),
    loginUid: maybe(u32),
    auditSession: maybe(u32),
    execId: maybe(u32),
    comm: maybe(cString(15)),
    file,
    argv: maybe(cut(anyBytes)),
    env,
    cgroup: maybe(u64.map(String)),
    cgroupPath: fc.constant(undefined),
    pidNamespace: maybe(u32),
    innerPid: maybe(u32),
    mountNamespace: maybe(u32),
    device: maybe(u32),
    inode: maybe(u64.map(String)),
    cpu,
  }),
  record({
    ...kind('exit'),
    ...inProcess,
    code: fc.nat(255),
    signal: fc.nat(127),
    core: fc.boolean(),
    execId: maybe(u32),
    uids: maybe(uids),
    gid: maybe(u32),
    gids: maybe(uids),
    sid: maybe(u32),
    comm: maybe(cString(15)),
    title: maybe(cString(100)),
    cpu,
    maxRssBytes: maybe(u64),
  }),
  record({ ...kind('setsid'), ...inProcess, sid: u32, ...late }),
  record({ ...kind('setresuid'), ...inProcess, uids, ...late }),
  record({ ...kind('execfail'), ...inProcess, ret: fc.nat(4095).map((errno) => 0 - errno), file }),
  record({
    ...kind('file'),
    ...inProcess,
    op: fc.constantFrom('open' as const, 'close' as const, 'list' as const, 'rename' as const, 'setstat' as const),
    execId: maybe(u32),
    id: u32,
    ret: fc.nat(4095).map((errno) => 0 - errno),
    mode: maybe(fc.constantFrom('read' as const, 'write' as const, 'both' as const)),
    path,
    to: path,
    forced: fc.boolean(),
    readBytes: maybe(u64),
    writtenBytes: maybe(u64),
    count: maybe(u32),
    failed: maybe(u32),
  }),
  record({ ...kind('untracked'), ...inProcess }),
  record({
    ...kind('accept'),
    ...inProcess,
    ...endpoints,
    cgroup: maybe(u64.map(String)),
    cgroupPath: fc.constant(undefined),
  }),
  record({ ...kind('drop'), ...inProcess, ...endpoints }),
  record({
    ...kind('tcp'),
    ...inProcess,
    ...endpoints,
    cookie: maybe(u64.map(String)),
    oldState: fc.nat(12),
    newState: fc.nat(12),
    receivedBytes: maybe(u64),
    sentBytes: maybe(u64),
    srttUs: maybe(u32),
    retransmits: maybe(u32),
    by: maybe(fc.constantFrom('local' as const, 'peer' as const)),
  }),
  record({
    ...kind('forward'),
    ...inProcess,
    ...endpoints,
    cookie: u64.map(String),
    op: fc.constantFrom('connect' as const, 'listen' as const, 'accept' as const),
    listener: maybe(u64.map(String)),
    family: maybe(fc.constant('unix' as const)),
    path: maybe(cString(108)),
    oldState: fc.nat(12),
    newState: fc.nat(12),
    receivedBytes: maybe(u64),
    sentBytes: maybe(u64),
    error: maybe(fc.nat(4095)),
  }),
  record({ ...kind('mon'), ...inProcess, type: fc.nat(255), data: cut(anyBytes), more: fc.nat(1_000) }).map(
    ({ more, ...event }) => ({ ...event, length: event.data.length + more }),
  ),
  record({ ...kind('log'), ...inProcess, data: cut(anyBytes) }),
  record({ ...kind('lost'), tsNs: u64, sinceNs: maybe(u64), of: word, count, conn: maybe(identity) }),
  record({
    ...kind('cgroup'),
    tsNs: u64,
    id: u64.map(String),
    path: maybe(record({ bytes: cString(200).map((name) => Uint8Array.of(47, ...name)), depth: u16 })),
  }),
  record({ ...kind('end'), tsNs: u64, records: maybe(count), lost: maybe(count) }),
];

/** Keys in one order, for neither the key order nor Buffer against Uint8Array is part of an event. */
function same(event: KernelEvent | undefined): unknown {
  return event === undefined
    ? undefined
    : Object.fromEntries(Object.entries(event).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function roundTrip(event: KernelEvent): Decoded {
  return decodeChunks([toBytes(encodeEvent(event))]);
}

/** NULs end a C string, so none is inside one. */
function withoutNul(event: KernelEvent): KernelEvent {
  const clean = (bytes: Uint8Array) => bytes.map((byte) => byte || 1);
  const copy = { ...event } as Record<string, unknown>;
  if (event.kind === 'cgroup' && event.path !== undefined)
    copy['path'] = { ...event.path, bytes: clean(event.path.bytes) };
  for (const field of ['comm', 'title']) if (copy[field] instanceof Uint8Array) copy[field] = clean(copy[field]);
  if ('env' in event) {
    Object.assign(copy, {
      env: event.env.map(({ name, value }) => ({ name, value: { ...value, bytes: clean(value.bytes) } })),
    });
  }
  return copy as unknown as KernelEvent;
}

describe('encodeEvent', () => {
  it('writes what the decoder reads back, for every kind of event', () => {
    fc.assert(
      fc.property(fc.oneof(...EVENTS).map(withoutNul), (event) => {
        const { events, decoder } = roundTrip(event);
        assert.deepEqual(decoder.errors, []);
        assert.equal(events.length, 1);
        assert.deepEqual(same(events[0]), same(event));
      }),
      { numRuns: 1_000 },
    );
  });

  it('knows every kind', () => {
    const kinds = new Set(EVENTS.map((arbitrary) => fc.sample(arbitrary, 1)[0]?.kind));
    assert.equal(kinds.size, 21);
  });

  it('writes no line beyond the limit, and one line where the value fits', () => {
    const process = { pid: 1, startNs: 1n };
    const exec = (length: number): KernelEvent => ({
      kind: 'exec',
      tsNs: 1n,
      process,
      argv: { bytes: new Uint8Array(length), length },
      env: [],
    });
    assert.equal(encodeEvent(exec(50_000)).split('\n').length, 2);
    for (const line of encodeEvent(exec(3_000_000)).split('\n')) assert.ok(line.length <= MAX_LINE_BYTES);
    assert.deepEqual(
      same(roundTrip(exec(3_000_000)).events[0]),
      same(decodeChunks([toBytes(encodeEvent(exec(3_000_000)))]).events[0]),
    );
    const [back] = roundTrip(exec(3_000_000)).events;
    assert.equal(back?.kind === 'exec' && back.argv?.bytes.length, 3_000_000);
  });

  for (const name of streamNames()) {
    it(`gives ${name} back`, () => {
      const { events } = decodeChunks([loadStream(name)]);
      assert.ok(events.length > (name.endsWith('-story') ? 700 : 8));
      assert.deepEqual(decodeChunks([toBytes(events.map(encodeEvent).join(''))]).events, events);
    });
  }
});
