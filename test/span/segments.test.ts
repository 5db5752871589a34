import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_SEGMENT_BYTES } from '../../agent/span/segments.ts';
import { encodedBytes } from '../../agent/span/span-bytes.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { FileActivity, SessionEvent } from '../../agent/sshd/session-event.ts';
import {
  at,
  bytes,
  connection,
  lived,
  phase,
  program,
  programRef,
  session,
  sessionRef,
  tick,
  told,
  whole,
} from '../helpers/session-events.ts';
import { applyAll, builder } from '../helpers/spans.ts';

const SESSION = sessionRef(820, 10);
const SHELL = programRef(820, 10);

/** A shell that runs `count` programs one after the other, 10 ms each, with the ticks of a live stream. */
function busySession(count: number): { events: SessionEvent[]; facts: ReturnType<typeof connection> } {
  const facts = connection({ authenticated: true, user: { name: bytes('ada'), source: 'monitor' } });
  const events: SessionEvent[] = [{ type: 'connection-opened', connection: facts, tsNs: at(0) }];
  const [began, ended] = lived(facts, program(820, 10, 200 + count * 10, SESSION, SESSION, ['make']));
  assert.ok(began && ended);
  events.push(began);
  for (let i = 0; i < count; i++) {
    const startMs = 100 + i * 10;
    const args = ['cc', '-c', `file-${i}.c`, '-o', `file-${i}.o`];
    events.push(...lived(facts, program(1_000 + i, startMs, startMs + 9, SHELL, SESSION, args)));
    if (i % 100 === 99) events.push(tick(startMs + 9));
  }
  const endMs = 200 + count * 10;
  events.push(ended);
  events.push(told(facts, session(820, 10, endMs, { type: 'exec' })));
  facts.endNs = at(endMs + 1);
  events.push({ type: 'connection-closed', connection: facts, tsNs: at(endMs + 2) });
  return { events, facts };
}

function byTrace(spans: readonly SpanRecord[]): SpanRecord[][] {
  const traces = new Map<string, SpanRecord[]>();
  for (const span of spans) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
  return [...traces.values()];
}

function assertSound(trace: readonly SpanRecord[]): void {
  const byId = new Map(trace.map((span) => [span.spanId, span]));
  assert.equal(byId.size, trace.length, 'an id stands twice');
  assert.equal(trace.filter((span) => span.parentSpanId === undefined).length, 1);
  for (const span of trace) {
    if (span.parentSpanId === undefined) continue;
    const parent = byId.get(span.parentSpanId);
    assert.ok(parent, `${span.name} hangs on nothing`);
    assert.ok(parent.startNs <= span.startNs, `${span.name} starts before ${parent.name}`);
  }
}

test('a connection too big for one trace goes on in others, each whole in itself', () => {
  const { events } = busySession(2_000);
  const spans = applyAll(builder({ maxSegmentBytes: 300_000 }), events);
  const traces = byTrace(spans);
  assert.ok(traces.length >= 3, `${traces.length} traces`);
  // None is left before it is full. The 200 that wait for two seconds count for more than they come to.
  for (const trace of traces.slice(0, -1)) {
    const size = trace.reduce((sum, span) => sum + encodedBytes(span), 0);
    assert.ok(size > 60_000 && size < 300_000 + 5_000, `${size} bytes`);
  }
  for (const trace of traces) {
    assertSound(trace);
    assert.equal(trace.at(-1)?.root, true, 'the root is not the last');
  }
  assert.equal(spans.filter((span) => span.name === 'cc').length, 2_000);
  assert.equal(spans.at(-1)?.attributes['ssh.segment'], 0);
  assert.deepEqual(
    traces.map((trace) => trace.at(-1)?.attributes['ssh.segment']),
    traces.map((_, i) => i),
  );
});

test('all traces of a connection have its id and the id of their session', () => {
  const spans = applyAll(builder({ maxSegmentBytes: 300_000 }), busySession(2_000).events);
  const root = spans.at(-1);
  const shell = spans.find((span) => span.name === 'ssh.session');
  for (const span of spans) {
    assert.equal(span.attributes['ssh.connection.id'], root?.traceId);
    if (span.name === 'cc') assert.equal(span.attributes['ssh.session.id'], shell?.spanId);
  }
});

test('a span whose parent is in an earlier trace hangs on its own root and links to the parent', () => {
  const spans = applyAll(builder({ maxSegmentBytes: 300_000 }), busySession(2_000).events);
  const last = spans.filter((span) => span.name === 'cc').at(-1);
  const make = spans.find((span) => span.name === 'cc' && span.parentSpanId !== last?.parentSpanId);
  const root = spans.find((span) => span.spanId === last?.parentSpanId);
  assert.equal(root?.name, 'ssh.connection');
  assert.equal(root?.traceId, last?.traceId);
  const [link] = last?.links ?? [];
  assert.deepEqual(
    [link?.traceId, link?.spanId, link?.attributes['ssh.link.type']],
    [make?.traceId, make?.parentSpanId, 'parent'],
  );
  assert.deepEqual(
    root?.links.map((each) => [each.traceId, each.spanId, each.attributes['ssh.link.type']]),
    [[spans.at(-1)?.traceId, spans.at(-1)?.spanId, 'first_segment']],
  );
});

test('a session that begins in a further trace hangs on its root, without a link, and its leaves on it', () => {
  const { events, facts } = busySession(2_000);
  const made = builder({ maxSegmentBytes: 300_000 });
  const second = sessionRef(9_000, 19_000);
  const spans = applyAll(made, [
    ...events.slice(0, -1),
    told(facts, phase('ssh.session.spawn', second, 'server', 19_000, 19_002)),
    // A start before that of its own process would be one before its trace.
    ...lived(facts, {
      ...program(9_000, 19_000, 19_500, second, second, ['date']),
      ref: programRef(9_000, 19_000),
      startNs: at(1),
    }),
    told(facts, session(9_000, 19_000, 19_600)),
    ...events.slice(-1),
  ]);
  const own = spans.find((span) => span.attributes['process.pid'] === 9_000 && span.name === 'ssh.session');
  assert.notEqual(own?.traceId, spans.at(-1)?.traceId);
  assert.deepEqual(own?.links, []);
  const leaf = spans.find((span) => span.name === 'ssh.session.spawn');
  assert.deepEqual([leaf?.traceId, leaf?.parentSpanId], [own?.traceId, own?.spanId]);
  for (const trace of byTrace(spans)) {
    const [root] = trace.filter((span) => span.root);
    assert.ok(trace.every((span) => span.startNs >= (root?.startNs ?? 0n)));
  }
});

test('an ordinary connection has one trace and no word of segments', () => {
  const spans = applyAll(builder(), busySession(2_000).events);
  assert.equal(byTrace(spans).length, 1);
  assert.equal(spans.at(-1)?.attributes['ssh.segment'], undefined);
});

test('a trace by the default limit stays below what Tempo takes', () => {
  const spans = applyAll(builder(), busySession(20_000).events);
  for (const trace of byTrace(spans)) {
    // JSON is more than twice the size of protobuf.
    const json = JSON.stringify(trace, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    assert.ok(json.length < 2 * 5_000_000, `${json.length} bytes`);
    assertSound(trace);
  }
  assert.ok(byTrace(spans).length > 1 && MAX_SEGMENT_BYTES < 5_000_000);
});

/** Bursts that come faster than spans are told, or run all at once. Times are ms; each program as long as `lastsMs`. */
for (const { what, count, stepMs, lastsMs, args, sameProcess } of [
  { what: 'at 10,000 commands a second', count: 30_000, stepMs: 0.1, lastsMs: 0.09, args: ['cc', '-c', 'a.c'] },
  { what: 'at 50,000 commands a second', count: 30_000, stepMs: 0.02, lastsMs: 1, args: ['cc', '-c', 'a.c'] },
  { what: 'of programs that all run at once', count: 20_000, stepMs: 0.02, lastsMs: 60_000, args: ['sleep', '60'] },
  { what: 'of long arguments', count: 200, stepMs: 1, lastsMs: 0.9, args: ['cc', 'x'.repeat(70_000)] },
  { what: 'of long arguments, all at once', count: 200, stepMs: 1, lastsMs: 5_000, args: ['cc', 'x'.repeat(70_000)] },
  { what: 'of short arguments, very many', count: 100, stepMs: 1, lastsMs: 1_000, args: Array(60_000).fill('') },
  {
    ...{ what: 'of one process that runs itself again and again', count: 200, stepMs: 1, lastsMs: 0.9 },
    ...{ args: ['loop', 'x'.repeat(70_000)], sameProcess: true },
  },
])
  test(`no trace of a burst ${what} is too big, and nothing is left out`, () => {
    const facts = connection({ authenticated: true, user: { name: bytes('ada'), source: 'monitor' } });
    const events: SessionEvent[] = [];
    for (let i = 0; i < count; i++) {
      const startMs = 100 + i * stepMs;
      const own = program(1_000 + i, startMs, startMs + lastsMs, SHELL, SESSION, args);
      const ref = sameProcess ? programRef(1_000, 100, i + 1) : own.ref;
      events.push(...lived(facts, { ...own, ref: { ...ref, startNs: own.startNs } }));
    }
    const timeOf = (event: SessionEvent): bigint => ('tsNs' in event ? event.tsNs : 0n);
    events.sort((a, b) => Number(timeOf(a) - timeOf(b)));
    const made = builder({ openMarkers: false });
    let held = 0;
    const spans = [];
    for (const [i, event] of events.entries()) {
      spans.push(...made.apply(event));
      if (i % 1_000 === 999) spans.push(...made.apply({ type: 'tick', tsNs: timeOf(event) }));
      held = Math.max(held, made.held);
    }
    facts.endNs = timeOf(events.at(-1) ?? tick(0)) + 1n;
    spans.push(...made.apply({ type: 'connection-closed', connection: facts, tsNs: facts.endNs }));
    assert.equal(spans.filter((span) => !span.root).length, count);
    assert.ok(held <= 10_001, `${held} held`);
    for (const trace of byTrace(spans)) {
      const size = trace.reduce((sum, span) => sum + encodedBytes(span), 0);
      assert.ok(size < MAX_SEGMENT_BYTES + 300_000, `${size} bytes`);
    }
  });

test('a flood of survivors begins traces that have their roots', () => {
  const { events, facts } = busySession(10);
  const made = builder({ maxSegmentBytes: 50_000 });
  const spans = applyAll(made, events);
  for (let i = 0; i < 1_000; i++) {
    const startMs = 10_000 + i * 10;
    const miner = program(5_000 + i, startMs, startMs + 5, SHELL, SESSION, ['miner'], { survivor: true });
    spans.push(...applyAll(made, lived(facts, miner)));
  }
  const traces = byTrace(spans);
  assert.ok(traces.length > 3);
  for (const trace of traces) assertSound(trace);
});

test('files of one server that works long go on in other traces, with a link to the server', () => {
  const facts = connection({ authenticated: true, user: { name: bytes('ada'), source: 'monitor' } });
  const events: SessionEvent[] = [{ type: 'connection-opened', connection: facts, tsNs: at(0) }];
  for (let i = 1; i <= 1_000; i++) {
    const startMs = 100 + i * 10;
    const file: FileActivity = {
      ...{
        kind: 'file',
        ref: { kind: 'file', key: [...SHELL.key, String(i)], startNs: at(startMs) },
        parent: SHELL,
        session: SESSION,
      },
      ...{ startNs: at(startMs), endNs: at(startMs + 1), operation: 'mkdir', unclosed: false },
      path: whole(`/srv/${'x'.repeat(1_000)}/${i}`),
    };
    events.push(...lived(facts, file));
    if (i % 100 === 99) events.push(tick(startMs + 9));
  }
  events.push(told(facts, program(820, 10, 11_000, SESSION, SESSION, ['sftp-server'])));
  events.push(told(facts, session(820, 10, 11_000, { type: 'exec' })));
  facts.endNs = at(11_001);
  events.push({ type: 'connection-closed', connection: facts, tsNs: at(11_002) });
  const traces = byTrace(applyAll(builder({ maxSegmentBytes: 200_000, openMarkers: false }), events));
  assert.ok(traces.length > 3, `${traces.length} traces`);
  for (const trace of traces) {
    assertSound(trace);
    const size = trace.reduce((sum, span) => sum + encodedBytes(span), 0);
    assert.ok(size < 200_000 + 5_000, String(size));
  }
});
