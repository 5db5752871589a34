import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpanExport } from '../../agent/export/span-export.ts';
import {
  assertBalanced,
  LogLines,
  RESOURCE,
  singleSpans,
  testOptions,
  traceOf,
  withRig,
} from '../helpers/export-fixtures.ts';
import { ACCEPT, OtlpSink } from '../helpers/otlp-sink.ts';

const PATIENT = { batch: { maxSpans: 512, maxBytes: 1e7, delayMs: 60_000 } };

test('shutdown sends what still waits for a fuller batch, at once', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const exporter = new SpanExport(testOptions(sink.url, PATIENT), () => {});
  exporter.accept(traceOf(0, 1_300), RESOURCE);
  const { complete, counters } = await exporter.shutdown(5_000);
  await sink.close();
  assert.equal(complete, true);
  assert.deepEqual([counters.exported, counters.queued, counters.late, sink.kept.length], [1_300, 0, 0, 1_300]);
  assert.ok(counters.requests <= 3);
});

test('with nothing to send shutdown ends at once and says nothing', async () => {
  const logs = new LogLines();
  const exporter = new SpanExport(testOptions('http://127.0.0.1:9/v1/traces'), logs.log);
  const { complete } = await exporter.shutdown(60_000);
  assert.equal(complete, true);
  assert.deepEqual(logs.lines, []);
});

test('with a collector that refuses connections shutdown ends at its deadline and counts what is lost', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  await sink.refuse();
  const logs = new LogLines();
  const exporter = new SpanExport(testOptions(sink.url), logs.log);
  exporter.accept(traceOf(0, 40), RESOURCE);
  const since = performance.now();
  const { complete, counters } = await exporter.shutdown(200);
  const tookMs = performance.now() - since;
  assert.equal(complete, false);
  assert.ok(tookMs > 150 && tookMs < 600, `${tookMs} ms`);
  assertBalanced(counters);
  assert.deepEqual([counters.exported, counters.late, counters.queued, counters.inFlight], [0, 40, 0, 0]);
  assert.match(
    logs.lines.at(-1) ?? '',
    /^warn: export ends: 0 spans delivered, 40 not delivered in time, 0 refused, none dropped$/,
  );
});

test('with a collector that hangs shutdown ends at its deadline, not at that of the request', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  sink.answer = () => ({ kind: 'hang' });
  const exporter = new SpanExport(testOptions(sink.url, { timeoutMs: 60_000 }), () => {});
  exporter.accept(traceOf(0, 40), RESOURCE);
  await sink.requestCount(1);
  const since = performance.now();
  const { counters } = await exporter.shutdown(100);
  const tookMs = performance.now() - since;
  await sink.close();
  assert.ok(tookMs < 300, `${tookMs} ms`);
  assertBalanced(counters);
  assert.deepEqual([counters.exported, counters.late, counters.inFlight], [0, 40, 0]);
});

test('a collector that comes back before the deadline gets everything', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  await sink.refuse();
  const logs = new LogLines();
  const exporter = new SpanExport(testOptions(sink.url), logs.log);
  exporter.accept(traceOf(0, 40), RESOURCE);
  await logs.line(/cannot export/);
  const ended = exporter.shutdown(10_000);
  await sink.listen();
  const { complete, counters } = await ended;
  await sink.close();
  assert.deepEqual([complete, counters.exported, counters.late], [true, 40, 0]);
});

test('a collector that wants other credentials is not waited for', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  sink.answer = () => ({ kind: 'status', status: 401 });
  const exporter = new SpanExport(testOptions(sink.url), () => {});
  exporter.accept(traceOf(0, 40), RESOURCE);
  const since = performance.now();
  const { counters } = await exporter.shutdown(60_000);
  assert.ok(performance.now() - since < 5_000);
  await sink.close();
  assert.deepEqual([counters.late, counters.queued], [40, 0]);
});

test('spans that come after the shutdown are counted as late, not sent and not forgotten', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const exporter = new SpanExport(testOptions(sink.url), () => {});
  exporter.accept(traceOf(0, 2), RESOURCE);
  await exporter.shutdown(5_000);
  exporter.accept(traceOf(1, 3), RESOURCE);
  await sink.close();
  assertBalanced(exporter.counters);
  assert.deepEqual([exporter.counters.exported, exporter.counters.late], [2, 3]);
});

test('a disabled export takes, keeps and sends nothing', async () => {
  const counters = await withRig({ enabled: false }, async ({ sink, exporter }) => {
    exporter.accept(traceOf(0, 5), RESOURCE);
    assert.equal(sink.requests.length, 0);
  });
  assert.deepEqual([counters.received, counters.queued], [0, 0]);
});

test('a span handed over at the very moment when the queue runs empty is sent without another to wake it', async () => {
  await withRig({}, async ({ sink, exporter, logs }) => {
    // The remark makes a log line, in whose turn the next trace is handed over.
    sink.answer = () => ({ kind: 'partial', rejected: 1, message: 'x' });
    exporter.accept(traceOf(0, 2), RESOURCE);
    await logs.line(/refused/);
    sink.answer = () => ACCEPT;
    exporter.accept(singleSpans(1, 1, 7), RESOURCE);
    await sink.spans(2);
  });
});
