/**
 * Examples and figures, read by the real programs that they are for. `make verify-examples` fetches these from Debian; where
 * they are there already they are asked each time, which takes a second.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { MetricExport } from '../../agent/export/metric-export.ts';
import { readMetricOptions } from '../../agent/export/metric-options.ts';
import { DEFAULT_EXPORT_OPTIONS } from '../../agent/export/options.ts';
import { SpanExport } from '../../agent/export/span-export.ts';
import { METRIC_NAMES, metricSpec } from '../../agent/metrics/metrics.ts';
import { runChild, startChild } from '../../agent/source/child-process.ts';
import { ROOT } from '../../deploy/package/bundle.ts';
import { LogLines, RESOURCE, testOptions, traceOf } from '../helpers/export-fixtures.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';
import { freePort, OTELCOL, otelcol, whyNoCollector } from './collector/otelcol.ts';
import { COMPOSE, PROMTOOL, whyNoTool } from './tools.ts';

const EXAMPLES = join(ROOT, 'deploy/examples');
const TOOL_MS = 30_000;

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-tools-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('docker-compose', { skip: whyNoTool(COMPOSE) ?? false }, () => {
  const config = (file: string) =>
    runChild({ command: COMPOSE, args: ['--file', file, 'config', '--format', 'json'], cwd: EXAMPLES }, TOOL_MS);

  test('reads compose.yaml, and knows each service by the rights that it is given', async () => {
    const { code, stdout, stderr } = await config(join(EXAMPLES, 'compose.yaml'));
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '', 'it warns of nothing');
    const { services } = JSON.parse(stdout) as { services: Record<string, Record<string, unknown>> };
    assert.deepEqual(Object.keys(services).sort(), [
      ...['agent', 'collector', 'grafana', 'jaeger', 'producer', 'tempo'],
    ]);
    const rights = ['cap_add', 'cap_drop', 'user', 'pid', 'network_mode', 'read_only', 'security_opt', 'privileged'];
    assert.deepEqual(
      rights.map((name) => services['producer']?.[name]),
      [['BPF', 'PERFMON'], ['ALL'], '0:65532', 'host', 'none', true, ['no-new-privileges:true'], undefined],
    );
    assert.deepEqual(
      rights.map((name) => services['agent']?.[name]),
      [undefined, ['ALL'], '65532:65532', undefined, undefined, true, ['no-new-privileges:true'], undefined],
    );
  });

  test('would find a wrong key or a service that is not there', async (t) => {
    const folder = temporary(t);
    const right = readFileSync(join(EXAMPLES, 'compose.yaml'), 'utf8');
    for (const [from, to] of [
      ['read_only: true', 'readonly: true'],
      ['depends_on: [jaeger, tempo]', 'depends_on: [jaeger, temp]'],
    ] as const) {
      writeFileSync(join(folder, 'compose.yaml'), right.replace(from, to));
      assert.notEqual((await config(join(folder, 'compose.yaml'))).code, 0, to);
    }
  });
});

describe('the OpenTelemetry Collector', { skip: whyNoCollector() ?? false }, () => {
  const text = readFileSync(join(EXAMPLES, 'collector.yaml'), 'utf8');

  test('finds collector.yaml right, and would find a mistake', async (t) => {
    const { code, stderr } = await otelcol('validate', `--config=${join(EXAMPLES, 'collector.yaml')}`);
    assert.equal(code, 0, stderr);
    const wrong = join(temporary(t), 'collector.yaml');
    for (const [from, to] of [
      ['limit_mib', 'limit_mb'],
      ['[otlp_http/jaeger, otlp_http/tempo]', '[otlp_http/jaeger, otlp_http/temp]'],
    ] as const) {
      writeFileSync(wrong, text.replace(from, to));
      assert.notEqual((await otelcol('validate', `--config=${wrong}`)).code, 0, to);
    }
  });

  test('runs it, and a trace comes out at both ends', async (t) => {
    const [jaeger, tempo] = [await OtlpSink.start(), await OtlpSink.start()];
    t.after(() => Promise.all([jaeger.close(), tempo.close()]));
    const port = await freePort();
    const file = join(temporary(t), 'collector.yaml');
    const here = text
      .replace('0.0.0.0:4318', `127.0.0.1:${port}`)
      .replace('http://jaeger:4318', jaeger.endpoint)
      .replace('http://tempo:4318', tempo.endpoint);
    // Its own figures would be served on a port that somebody else may have.
    writeFileSync(file, `${here}  telemetry: { metrics: { level: none } }\n`);
    const logs = new LogLines();
    const child = startChild({
      command: OTELCOL,
      args: ['--config', file],
      stdout: 'ignore',
      onStderrLine: (line) => logs.log('info', line),
    });
    t.after(() => child.stop());
    await logs.line(/Everything is ready/);
    const exporter = new SpanExport(testOptions(`http://127.0.0.1:${port}/v1/traces`), logs.log);
    exporter.accept(traceOf(1, 20), RESOURCE);
    assert.equal((await exporter.shutdown(10_000)).complete, true);
    for (const sink of [jaeger, tempo]) {
      assert.equal((await sink.spans(20)).length, 20);
      sink.check();
    }
  });
});

test('promtool reads the page for Prometheus, with every metric that there is', {
  skip: whyNoTool(PROMTOOL) ?? false,
}, async (t) => {
  const env = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0' };
  const log: string[] = [];
  const levels = METRIC_NAMES.filter((name) => metricSpec(name).kind === 'level' || name.startsWith('sshd_otel.'));
  const exporter = new MetricExport(
    readMetricOptions(env, readFileSync),
    DEFAULT_EXPORT_OPTIONS,
    () => levels.map((name) => ({ name, value: 1, attributes: {} })),
    () => ({ attributes: { 'service.name': 'sshd', 'host.name': 'quote"back\\slash' } }),
    (_level, line) => log.push(line),
  );
  t.after(() => exporter.shutdown(1_000));
  for (const name of METRIC_NAMES)
    if (!levels.includes(name)) exporter.record({ name, value: 1, attributes: { 'error.type': 'a "b"\n' } });
  await exporter.start();
  const page = await (await fetch(/http:\S+/.exec(log.join(' '))?.[0] ?? '')).text();
  const check = async (input: string) => {
    const child = startChild({ command: PROMTOOL, args: ['check', 'metrics'], stdin: 'pipe', stdout: 'ignore' });
    child.stdin?.end(input);
    return [(await child.exited).code, child.stderrTail()];
  };
  assert.deepEqual(await check(page), [0, '']);
  // What it finds: text that is no metric (1), and names against its rules (3).
  assert.equal((await check(page.replace('target_info{', 'target_info{=')))[0], 1);
  assert.equal((await check(page.replaceAll('sshd_otel_spans_exported_total', 'sshd_otel_spans_exported')))[0], 3);
});
