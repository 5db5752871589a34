import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { TraceBook } from '../../agent/view/trace-book.ts';

let count = 0;

function span(trace: string, facts: Partial<SpanRecord> = {}): SpanRecord {
  count++;
  return {
    traceId: trace,
    spanId: count.toString(16).padStart(16, '0'),
    parentSpanId: '00000000000000ff',
    name: 'true',
    kind: 'internal',
    startNs: 0n,
    endNs: 0n,
    attributes: {},
    links: [],
    status: 'unset',
    priority: 1,
    root: false,
    ...facts,
  };
}

function root(trace: string): SpanRecord {
  return span(trace, { name: 'ssh.connection', kind: 'server', parentSpanId: undefined, root: true, priority: 0 });
}

test('a trace is handed out whole when its root comes, and others stay', () => {
  const book = new TraceBook();
  const mine = [span('a'), span('a')];
  assert.deepEqual(book.add([...mine, span('b')]), []);
  const end = root('a');
  assert.deepEqual(book.add([end]), [{ type: 'trace', spans: [...mine, end], leftOut: 0 }]);
  assert.equal(book.size, 1);
});

test('a span after its root is handed out alone', () => {
  const book = new TraceBook();
  book.add([root('a')]);
  const late = span('a');
  assert.deepEqual(book.add([late]), [{ type: 'late', span: late }]);
});

test('a survivor of a trace that was forgotten is handed out alone and opens no page', () => {
  const book = new TraceBook();
  const late = span('z', { attributes: { 'ssh.process.survivor': true } });
  assert.deepEqual(book.add([late]), [{ type: 'late', span: late }]);
  assert.equal(book.size, 0);
});

test('a trace beyond its limit loses its oldest programs, never login, session or failure', () => {
  const book = new TraceBook({ maxSpansPerTrace: 4 });
  const kept = [span('a', { name: 'ssh.handshake' }), span('a', { name: 'ssh.auth', priority: 0 })];
  const failed = span('a', { name: 'false', priority: 0 });
  const programs = [span('a'), span('a'), span('a')];
  book.add([...kept, failed, ...programs]);
  const end = root('a');
  assert.deepEqual(book.add([end]), [{ type: 'trace', spans: [...kept, failed, programs[2], end], leftOut: 2 }]);
  assert.equal(book.size, 0);
});

test('all traces together keep no more than allowed', () => {
  const book = new TraceBook({ maxSpans: 10, maxTraces: 3, maxFinished: 2 });
  for (let i = 0; i < 1_000; i++) {
    book.add([span(`t${i % 7}`)]);
    if (i % 50 === 0) book.add([root(`r${i}`)]);
    assert.ok(book.size <= 10, `${book.size} spans kept`);
  }
  assert.ok(book.flush().length <= 3);
  assert.equal(book.size, 0);
});

test('markers of what is open are not drawn: the span itself comes', () => {
  const book = new TraceBook();
  assert.deepEqual(book.add([span('a', { attributes: { 'ssh.span.pending': true } })]), []);
  assert.equal(book.size, 0);
});

test('a trace whose root never comes makes way for newer ones', () => {
  const book = new TraceBook({ maxTraces: 1 });
  book.add([span('a'), span('a'), span('a'), span('b')]);
  assert.equal(book.size, 1);
  assert.equal(book.flush().length, 1);
});

test('the end of a stream hands out what has no root', () => {
  const book = new TraceBook();
  const one = span('a');
  book.add([one]);
  assert.deepEqual(book.flush(), [{ type: 'trace', spans: [one], leftOut: 0 }]);
  assert.deepEqual(book.flush(), []);
});
