import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { ROOT } from '../../agent/sshd/session-event.ts';
import { keyLogin } from '../helpers/key-login.ts';
import {
  at,
  attempt,
  auth,
  bytes,
  connection,
  handshake,
  phase,
  program,
  programRef,
  sessionRef,
  tick,
  told,
  WALL_OFFSET_NS,
} from '../helpers/session-events.ts';
import { applyAll, builder, named } from '../helpers/spans.ts';

test('a connection becomes one tree with one root, which is the last span', () => {
  const spans = applyAll(builder(), keyLogin().events);
  assert.deepEqual(
    spans.map((span) => span.name),
    [
      'ssh.handshake',
      'ssh.auth.attempt',
      'ssh.authorized_keys_command',
      'ssh.auth.attempt',
      'ssh.auth.wait',
      'ssh.auth',
      'ssh.session.setup',
      'false',
      'bash',
      'ssh.session',
      'ssh.connection',
    ],
  );
  const ids = new Set(spans.map((span) => span.spanId));
  assert.equal(ids.size, spans.length);
  assert.equal(new Set(spans.map((span) => span.traceId)).size, 1);
  const roots = spans.filter((span) => span.parentSpanId === undefined);
  assert.deepEqual(roots, [spans.at(-1)]);
  assert.equal(roots[0]?.kind, 'server');
  for (const span of spans.slice(0, -1)) {
    assert.ok(span.parentSpanId !== undefined && ids.has(span.parentSpanId), `${span.name} hangs on nothing`);
    assert.equal(span.kind, 'internal');
  }
  assert.equal(named(spans, 'false').parentSpanId, named(spans, 'bash').spanId);
  assert.equal(named(spans, 'bash').parentSpanId, named(spans, 'ssh.session').spanId);
});

test('every span says which connection, who, from where, how he got in', () => {
  const spans = applyAll(builder(), keyLogin().events);
  const session_ = named(spans, 'ssh.session');
  for (const { name, attributes, traceId } of spans) {
    assert.equal(attributes['ssh.connection.id'], traceId, name);
    assert.equal(attributes['user.name'], 'ada', name);
    assert.equal(attributes['client.address'], '192.0.2.10', name);
    assert.equal(attributes['ssh.auth.method'], 'publickey', name);
    if (name !== 'ssh.auth.attempt') assert.equal(attributes['ssh.key.fingerprint'], 'SHA256:abc', name);
  }
  for (const name of ['ssh.session', 'bash', 'false']) {
    assert.equal(named(spans, name).attributes['ssh.session.id'], session_.spanId, name);
  }
  assert.equal(named(spans, 'ssh.auth').attributes['ssh.session.id'], undefined);
});

test('times are wall times by one offset a connection, to the nanosecond', () => {
  const root = named(applyAll(builder(), keyLogin().events), 'ssh.connection');
  assert.equal(root.startNs, at(0) + WALL_OFFSET_NS);
  assert.equal(root.endNs, at(449) + WALL_OFFSET_NS);
});

test('no span ends before it starts, or starts before its parent', () => {
  const facts = connection({ endNs: at(100) });
  const spans = applyAll(builder(), [
    { type: 'connection-opened', connection: facts, tsNs: at(0) },
    told(facts, handshake(-5, 40)),
    told(facts, attempt(1, 30, 35, { method: 'password', result: 'rejected' })),
    told(facts, auth(40, 90, 'aborted')),
    { type: 'connection-closed', connection: facts, tsNs: at(101) },
  ]);
  const wall = (ms: number): bigint => at(ms) + WALL_OFFSET_NS;
  assert.equal(named(spans, 'ssh.handshake').startNs, wall(0));
  assert.equal(named(spans, 'ssh.auth.attempt').startNs, wall(40));
  assert.equal(named(spans, 'ssh.auth.attempt').endNs, wall(40));
});

test('spans before authentication wait until they can name the user', () => {
  const facts = connection();
  const made = builder();
  const early = applyAll(made, [
    { type: 'connection-opened', connection: facts, tsNs: at(0) },
    told(facts, handshake(0, 80)),
    tick(60_000),
  ]);
  assert.deepEqual(early, []);
  facts.user = { name: bytes('ada'), source: 'monitor' };
  facts.authenticated = true;
  facts.authenticatedNs = at(60_500);
  assert.deepEqual(made.apply({ type: 'authenticated', connection: facts, tsNs: at(60_500) }), []);
  assert.deepEqual(made.apply(tick(62_499)), []);
  const [span, ...more] = made.apply(tick(62_500)).filter((each) => each.attributes['ssh.span.pending'] !== true);
  assert.equal(more.length, 0);
  assert.equal(span?.name, 'ssh.handshake');
  assert.equal(span?.attributes['user.name'], 'ada');
});

test('spans of who never gets in are told after 120 s at the latest', () => {
  const facts = connection({ attempts: 1, failedAttempts: 1 });
  const made = builder();
  applyAll(made, [
    { type: 'connection-opened', connection: facts, tsNs: at(0) },
    told(facts, handshake(0, 80)),
    told(facts, attempt(1, 90, 99, { method: 'password', result: 'rejected' })),
  ]);
  assert.deepEqual(made.apply(tick(119_999)), []);
  // The attempt is no failure yet: another may follow.
  assert.deepEqual(
    made.apply(tick(120_000)).map((span) => [span.name, span.priority, span.status]),
    [
      ['ssh.handshake', 2, 'unset'],
      ['ssh.auth.attempt', 2, 'unset'],
    ],
  );
});

test('a span of a session waits 2 s, and a connection that ends sooner takes it along', () => {
  const { events, facts } = keyLogin();
  const made = builder();
  const beforeEnd = applyAll(made, events.slice(0, -1));
  assert.deepEqual(beforeEnd, []);
  assert.equal(made.apply(tick(2_299)).at(-1)?.name, 'ssh.auth');
  const names = (spans: readonly SpanRecord[]): string[] => spans.map((span) => span.name);
  assert.deepEqual(names(made.apply(tick(2_300))), ['ssh.session.setup']);
  assert.deepEqual(names(made.apply(tick(2_379))), []);
  assert.deepEqual(names(made.apply(tick(2_380))), ['false']);
  const rest = names(made.apply({ type: 'connection-closed', connection: facts, tsNs: at(2_385) }));
  assert.deepEqual(rest, ['bash', 'ssh.session', 'ssh.connection']);
  assert.deepEqual(made.apply(tick(60_000)), []);
});

test('what outlives its connection keeps trace and parent and is told at its own end', () => {
  const { events, facts } = keyLogin();
  const made = builder();
  const before = applyAll(made, events);
  const survivor = program(830, 390, 9_000, programRef(820, 300), sessionRef(820, 300), ['sleep', '9'], {
    survivor: true,
  });
  const [span, ...more] = made.apply(told(facts, survivor));
  assert.equal(more.length, 0);
  assert.equal(span?.traceId, before[0]?.traceId);
  assert.equal(span?.parentSpanId, named(before, 'bash').spanId);
  assert.equal(span?.attributes['ssh.process.survivor'], true);
  assert.equal(span?.root, false);
});

test('a connection that is closed twice has one root', () => {
  const { events, facts } = keyLogin();
  const made = builder();
  applyAll(made, events);
  assert.deepEqual(made.apply({ type: 'connection-closed', connection: facts, tsNs: at(460) }), []);
});

test('a connection with more waiting spans than allowed lets the oldest go', () => {
  const facts = connection();
  const made = builder({ maxHeldSpans: 2 });
  const spans = applyAll(made, [
    { type: 'connection-opened', connection: facts, tsNs: at(0) },
    ...[1, 2, 3].map((i) => told(facts, phase('ssh.auth.wait', ROOT, 'client', i, i + 1, i))),
  ]);
  assert.deepEqual(
    spans.map((span) => span.startNs - WALL_OFFSET_NS),
    [at(1)],
  );
});

test('neighbours keep their own spans, ids and deadlines', () => {
  const one = connection();
  const other = connection({ id: { pid: 900, startNs: at(10) }, startNs: at(10), endNs: at(50) });
  const spans = applyAll(builder(), [
    { type: 'connection-opened', connection: one, tsNs: at(0) },
    { type: 'connection-opened', connection: other, tsNs: at(10) },
    told(one, handshake(0, 20)),
    told(other, handshake(10, 30)),
    { type: 'connection-closed', connection: other, tsNs: at(50) },
  ]);
  assert.deepEqual(
    spans.map((span) => span.name),
    ['ssh.handshake', 'ssh.connection'],
  );
  assert.equal(spans[0]?.startNs, at(10) + WALL_OFFSET_NS);
  assert.equal(spans[0]?.traceId, spans[1]?.traceId);
});

test('the same events give the same spans, and the key decides the ids alone', () => {
  const first = applyAll(builder(), keyLogin().events);
  assert.deepEqual(applyAll(builder(), keyLogin().events), first);
  const otherKey = applyAll(builder({ hostKey: new Uint8Array(32).fill(7) }), keyLogin().events);
  assert.deepEqual(
    otherKey.map(({ name, startNs }) => [name, startNs]),
    first.map(({ name, startNs }) => [name, startNs]),
  );
  assert.ok(otherKey.every((span, i) => span.spanId !== first[i]?.spanId));
});
