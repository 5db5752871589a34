/** What a real OpenTelemetry Collector makes of what is exported: every span, once, as it was. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ExportOptions } from '../../../agent/export/options.ts';
import { type ExportCounters, SpanExport } from '../../../agent/export/span-export.ts';
import { Pipeline } from '../../../agent/pipeline.ts';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';
import type { SpanRecord } from '../../../agent/span/span-record.ts';
import { runCommandLine } from '../../helpers/command-context.ts';
import {
  assertBalanced,
  LogLines,
  RESOURCE,
  spanRecord,
  testOptions,
  traceIdOf,
  traceOf,
} from '../../helpers/export-fixtures.ts';
import type { SinkSpan } from '../../helpers/otlp-decode.ts';
import { OtlpSink } from '../../helpers/otlp-sink.ts';
import { loadStream, streamNames } from '../../helpers/streams.ts';
import { Collector, otelcol, whyNoCollector } from './otelcol.ts';

const SKIP =
  process.env['SSHD_OTEL_COLLECTOR'] === 'run'
    ? (whyNoCollector() ?? false)
    : 'only make verify-collector runs a Collector';

const idOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `${traceId}:${spanId}`;

/** By id, as text; a span that came twice must have come the same. Its length depends on who encoded it. */
function contentsOf(spans: readonly SinkSpan[]): Map<string, string> {
  const contents = new Map<string, string>();
  for (const { bytes: _bytes, ...span } of spans) {
    const content = JSON.stringify(sorted(span), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    assert.equal(contents.get(idOf(span)) ?? content, content, 'one id with two contents');
    contents.set(idOf(span), content);
  }
  return contents;
}

/** Attributes have no order. */
function sorted(span: Omit<SinkSpan, 'bytes'>): unknown {
  return {
    ...span,
    attributes: Object.entries(span.attributes).sort(),
    resource: Object.entries(span.resource).sort(),
  };
}

/** @throws Error with the first that differ */
function assertSame(came: readonly SinkSpan[], wanted: readonly SinkSpan[]): void {
  const contents = contentsOf(came);
  const differ = [...contentsOf(wanted)].filter(([id, content]) => contents.get(id) !== content);
  assert.deepEqual(
    differ.slice(0, 3).map(([id]) => contents.get(id)),
    differ.slice(0, 3).map(([, content]) => content),
  );
  assert.equal(contents.size, contentsOf(wanted).size);
}

/** @returns the counters at the end */
async function send(
  url: string,
  records: readonly SpanRecord[],
  options: Partial<ExportOptions> = {},
): Promise<ExportCounters> {
  const exporter = new SpanExport(testOptions(url, options), new LogLines().log);
  exporter.accept(records, RESOURCE);
  const { counters } = await exporter.shutdown(60_000);
  assertBalanced(counters);
  return counters;
}

/** The same straight into the sink: what ought to arrive. */
async function straight(
  records: readonly SpanRecord[],
  options: Partial<ExportOptions> = {},
): Promise<readonly SinkSpan[]> {
  const sink = await OtlpSink.start();
  try {
    await send(sink.url, records, options);
    return sink.kept;
  } finally {
    await sink.close();
  }
}

function tracesOf(name: string): SpanRecord[] {
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: createRedactor(), agentVersion: '0' });
  return [...pipeline.push(loadStream(name)), ...pipeline.end()];
}

const ODD = 'a\ud800b \u0000 \u202e 🙂 {"stringValue":"forged"}';
const ODD_SPAN = spanRecord({
  traceId: traceIdOf(1_000_000),
  name: ODD,
  root: true,
  attributes: { text: ODD, big: 2 ** 53 - 1, rtt: 0.000123, flag: false, none: [], 'process.command_args': [ODD, ''] },
  links: [{ traceId: traceIdOf(9), spanId: '00000000000000ff', remote: true, attributes: { note: ODD } }],
  status: 'error',
  statusMessage: ODD,
});

describe('a real OpenTelemetry Collector', { skip: SKIP }, () => {
  const open: { close(): Promise<void> }[] = [];
  after(() => Promise.all(open.map((each) => each.close())));
  const started = async (...given: Parameters<typeof Collector.start>) => {
    const collector = await Collector.start(...given);
    open.push(collector);
    return collector;
  };

  test('runs', async (t) => {
    const { code, stdout } = await otelcol('--version');
    assert.equal(code, 0);
    t.diagnostic(stdout.trim());
  });

  for (const protocol of ['http/json', 'http/protobuf'] as const)
    for (const compression of ['none', 'gzip'] as const)
      test(`${protocol}, ${compression}: every span of ${streamNames().length} recorded streams arrives once, as it was sent`, async (t) => {
        const collector = await started();
        const records = [...streamNames().flatMap(tracesOf), ODD_SPAN];
        const unique = [...new Map(records.map((record) => [idOf(record), record])).values()];
        const options = { protocol, compression };
        const counters = await send(collector.url, unique, options);
        assert.equal(counters.exported, unique.length);
        const came = contentsOf(collector.kept);
        assert.equal(collector.kept.length, unique.length);
        assert.deepEqual([...came.keys()].sort(), unique.map(idOf).sort());
        assertSame(collector.kept, await straight(unique, options));
        await collector.close();
        assert.equal(collector.counted, unique.length, 'its own count');
        t.diagnostic(`${unique.length} spans`);
      });

  test('a trace of just under 5,000,000 bytes arrives whole', async (t) => {
    const collector = await started();
    const small = traceOf(7, 8_000);
    const size = (await straight(small)).reduce((bytes, span) => bytes + span.bytes, 0);
    const argv = Array.from({ length: 48 }, (_unused, i) => String(i).padEnd(64 * 1024, 'x'));
    const big = spanRecord({ ...small[1], spanId: 'fedcba9876543210', attributes: { 'process.command_args': argv } });
    const filler = 'y'.repeat(2_000);
    const more = Math.floor((4_990_000 - size - 48 * 65_560) / 2_100);
    const filled = Array.from({ length: more }, (_unused, i) =>
      spanRecord({ ...small[1], spanId: (0x7000_0000 + i).toString(16).padStart(16, '0'), attributes: { filler } }),
    );
    const records = [...small, big, ...filled];
    const counters = await send(collector.url, records);
    assert.deepEqual([counters.exported, counters.refused], [records.length, 0]);
    assert.equal(contentsOf(collector.kept).size, records.length);
    const bytes = collector.kept.reduce((sum, span) => sum + span.bytes, 0);
    assert.ok(bytes > 4_500_000 && bytes <= 5_000_000, `${bytes} bytes`);
    collector.sink.check();
    t.diagnostic(`${records.length} spans, ${bytes} bytes`);
  });

  test('a Collector with a small limit of a request gets smaller ones; what is larger alone is counted, and no other', async (t) => {
    const collector = await started({ max_request_body_size: 100_000 });
    const argv = ['x'.repeat(150_000)];
    const records = [
      ...traceOf(3, 1_500),
      spanRecord({ traceId: traceIdOf(4), root: true, attributes: { 'process.command_args': argv } }),
    ];
    const counters = await send(collector.url, records);
    assert.deepEqual([counters.exported, counters.refused], [1_500, 1]);
    assert.equal(contentsOf(collector.kept).size, 1_500);
    t.diagnostic(`${counters.requests} requests, ${counters.failures} refused`);
  });

  test('what it could not hand on it does not take: it is sent again', async (t) => {
    const collector = await started();
    let refusals = 0;
    collector.sink.answer = () =>
      refusals++ < 3 ? { kind: 'status', status: 503, headers: { 'retry-after': '1' } } : { kind: 'accept' };
    const records = traceOf(5, 300);
    const counters = await send(collector.url, records);
    assert.deepEqual([counters.exported, counters.refused], [300, 0]);
    assert.equal(contentsOf(collector.kept).size, 300);
    t.diagnostic(`${counters.failures} of ${counters.requests} requests failed`);
  });

  test('what a back end behind it rejects is its own affair: it says so in its log, and not to us', async () => {
    const collector = await started();
    collector.sink.answer = () => ({ kind: 'partial', rejected: 5, message: 'too large' });
    const counters = await send(collector.url, traceOf(6, 20));
    assert.deepEqual([counters.exported, counters.refused], [20, 0]);
    assert.equal(collector.kept.length, 15);
    assert.match(collector.log.join('\n'), /too large/);
  });

  test('an agent brings it traces and metrics of one login, all as the sink gets them without it', async (t) => {
    const collector = await started();
    const stateDir = mkdtempSync(join(tmpdir(), 'sshd-otel-collector-'));
    t.after(() => rmSync(stateDir, { recursive: true }));
    const agent = async (endpoint: string) => {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRICS_EXPORTER: 'otlp' };
      const args = ['agent', '--state-dir', stateDir, '--config', '/dev/null'];
      const { code, stderr } = await runCommandLine(args, { env, stdin: loadStream('9.2-keys') });
      assert.equal(code, 0, stderr);
    };
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    await agent(sink.endpoint);
    await agent(collector.endpoint);
    assertSame(collector.kept, sink.kept);
    const serverMetrics = (metrics: OtlpSink['metrics']) =>
      metrics
        .filter(({ name }) => name.startsWith('ssh.server.'))
        .map(({ name, attributes, value, count }) =>
          JSON.stringify([name, Object.entries(attributes).sort(), value, count]),
        )
        .sort();
    const came = serverMetrics(collector.sink.metrics);
    assert.ok(came.length >= 10, `${came.length} points`);
    assert.deepEqual(came, serverMetrics(sink.metrics));
    collector.sink.check();
  });
});
