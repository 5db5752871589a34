/**
 * What the export costs, and what an outage costs: `node test/bench/export.ts [outage seconds]` (20).
 *
 * 1. Throughput: spans of 15 attributes as fast as the collector, a process of its own, takes them.
 * 2. Outage: 200 spans a second through our queue and through the SDK's BatchSpanProcessor with its defaults, side by
 *    side, each with a collector of its own; both collectors go away and come back together.
 *
 * A run in which our queue loses a span fails.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { DEFAULT_EXPORT_OPTIONS, type ExportOptions } from '../../agent/export/options.ts';
import { SpanExport } from '../../agent/export/span-export.ts';
import type { ResourceRecord, SpanRecord } from '../../agent/span/span-record.ts';
import type { SinkCommand, SinkReport } from './counting-sink.ts';

const THROUGHPUT_SPANS = 200_000;
const SPANS_A_TRACE = 20;
const OUTAGE_RATE = 200;
const BEFORE_S = 3;
/** The default back-off may wait 30 s, and a quarter more, before it sees that the collector is back. */
const AFTER_S = 40;

const RESOURCE: ResourceRecord = { attributes: { 'service.name': 'sshd', 'host.name': 'bench', 'host.id': 'c0ffee' } };
const BASE_NS = 1_795_514_400_123_456_789n;

class Sink {
  readonly #child: ChildProcess = fork(new URL('./counting-sink.ts', import.meta.url));

  async ask(command: SinkCommand): Promise<SinkReport> {
    const answer = once(this.#child, 'message');
    this.#child.send(command);
    const [report] = await answer;
    return report;
  }

  end(): void {
    this.#child.disconnect();
  }
}

function span(index: number): SpanRecord {
  const traceNumber = Math.floor(index / SPANS_A_TRACE) + 1;
  const traceId = traceNumber.toString(16).padStart(32, '0');
  const first = (traceNumber - 1) * SPANS_A_TRACE + 1;
  const isRoot = index + 1 === first;
  const startNs = BASE_NS + BigInt(index) * 1_000n;
  return {
    traceId,
    spanId: (index + 1).toString(16).padStart(16, '0'),
    parentSpanId: isRoot ? undefined : first.toString(16).padStart(16, '0'),
    name: 'git',
    kind: 'internal',
    startNs,
    endNs: startNs + 1_234_567n,
    attributes: {
      'ssh.connection.id': traceId,
      'ssh.session.id': '00f067aa0ba902b7',
      'user.name': 'deploy',
      'client.address': '192.0.2.17',
      'ssh.auth.method': 'publickey',
      'ssh.key.fingerprint': 'SHA256:u0iRrJ2cKJcQm0aJ0Zr1hLbOZb5S6b2zB0n0a1k2Q3w',
      'process.pid': 4711 + index,
      'process.parent_pid': 4710,
      'process.executable.name': 'git',
      'process.executable.path': '/usr/bin/git',
      'process.command_args': ['git', 'log', '--oneline', '-n', '20', '--', 'src'],
      'process.args_count': 7,
      'process.exit.code': 0,
      'process.user.id': 1000,
      'ssh.process.command_preview': 'git log --oneline -n 20 -- src',
    },
    links: [],
    status: 'unset',
    priority: 1,
    root: isRoot,
  };
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function throughput(sink: Sink, url: string, label: string, change: Partial<ExportOptions>): Promise<void> {
  await sink.ask('reset');
  const exporter = new SpanExport({ ...DEFAULT_EXPORT_OPTIONS, url, ...change }, (_level, text) => say(`  ${text}`));
  const cpuBefore = process.cpuUsage();
  const since = performance.now();
  for (let index = 0; index < THROUGHPUT_SPANS; index += SPANS_A_TRACE) {
    exporter.accept(
      Array.from({ length: SPANS_A_TRACE }, (_unused, offset) => span(index + offset)),
      RESOURCE,
    );
    await exporter.room();
  }
  await exporter.shutdown(30_000);
  const seconds = (performance.now() - since) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const report = await sink.ask('report');
  if (report.uniqueSpans !== THROUGHPUT_SPANS)
    fail(`${label}: ${report.uniqueSpans} of ${THROUGHPUT_SPANS} spans arrived`);
  const rate = Math.round(THROUGHPUT_SPANS / seconds).toLocaleString('en');
  const cpuMs = ((cpu.user + cpu.system) / 1_000 / (THROUGHPUT_SPANS / 1_000)).toFixed(1);
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20);
  say(
    `${label.padEnd(18)} ${rate.padStart(8)} spans/s  ${cpuMs.padStart(5)} ms CPU per 1000 spans  ${Math.round(report.bytes / THROUGHPUT_SPANS)} bytes a span  ${rssMb} MB`,
  );
}

async function outage(outageS: number): Promise<void> {
  const [ourSink, sdkSink] = [new Sink(), new Sink()];
  const [ours, sdks] = [await ourSink.ask('listen'), await sdkSink.ask('listen')];
  const url = (port: number) => `http://127.0.0.1:${port}/v1/traces`;
  const exporter = new SpanExport({ ...DEFAULT_EXPORT_OPTIONS, url: url(ours.port) }, (_level, text) =>
    say(`  ${text}`),
  );
  const provider = new NodeTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: url(sdks.port) }))],
  });
  const tracer = provider.getTracer('bench');
  let made = 0;
  const run = async (seconds: number) => {
    const until = performance.now() + seconds * 1_000;
    for (let due = made; performance.now() < until; await sleep(10)) {
      due += OUTAGE_RATE / 100;
      for (; made < due; made += 1) {
        const record = span(made);
        exporter.accept([record], RESOURCE);
        const parent = { traceId: record.traceId, spanId: '00f067aa0ba902b7', traceFlags: 1 };
        tracer
          .startSpan(
            record.name,
            { attributes: { ...record.attributes, 'process.command_args': ['git'] } },
            trace.setSpanContext(ROOT_CONTEXT, parent),
          )
          .end();
      }
    }
  };
  await run(BEFORE_S);
  await Promise.all([ourSink.ask('refuse'), sdkSink.ask('refuse')]);
  await run(outageS);
  await Promise.all([ourSink.ask('listen'), sdkSink.ask('listen')]);
  await run(AFTER_S);
  const { counters } = await exporter.shutdown(10_000);
  await provider.shutdown().catch(() => {});
  const [our, sdk] = [await ourSink.ask('report'), await sdkSink.ask('report')];
  for (const sink of [ourSink, sdkSink]) sink.end();
  const lost = (arrived: number) =>
    `${made - arrived} of ${made} lost (${((100 * (made - arrived)) / made).toFixed(1)} %)`;
  say(`collector away for ${outageS} s at ${OUTAGE_RATE} spans/s, ${made} spans in all:`);
  say(
    `own queue           ${lost(our.uniqueSpans)}, ${our.spans - our.uniqueSpans} sent twice, ${our.requests} requests`,
  );
  say(
    `BatchSpanProcessor  ${lost(sdk.uniqueSpans)}, ${sdk.spans - sdk.uniqueSpans} sent twice, ${sdk.requests} requests`,
  );
  if (our.uniqueSpans !== made || counters.exported !== made) fail('the queue lost spans');
}

function fail(reason: string): never {
  process.stderr.write(`bench failed: ${reason}\n`);
  process.exit(1);
}

const sink = new Sink();
const { port } = await sink.ask('listen');
const url = `http://127.0.0.1:${port}/v1/traces`;
await throughput(sink, url, 'warm-up', {});
await throughput(sink, url, 'JSON', {});
await throughput(sink, url, 'JSON, gzip', { compression: 'gzip' });
await throughput(sink, url, 'protobuf', { protocol: 'http/protobuf' });
await throughput(sink, url, 'protobuf, gzip', { protocol: 'http/protobuf', compression: 'gzip' });
sink.end();
await outage(Number(process.argv[2] ?? 20));
