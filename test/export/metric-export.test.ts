import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MetricExport } from '../../agent/export/metric-export.ts';
import { readMetricOptions } from '../../agent/export/metric-options.ts';
import { DEFAULT_EXPORT_OPTIONS } from '../../agent/export/options.ts';
import { ExportConfigError } from '../../agent/export/transport-variables.ts';
import { METRIC_NAMES, type Measurement, metricSpec } from '../../agent/metrics/metrics.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import { startSink } from '../helpers/sinks.ts';
import { loadStream } from '../helpers/streams.ts';

const RESOURCE = { attributes: { 'service.name': 'sshd', 'host.name': 'quote"back\\slash' } };
const EXPORTED: Measurement = { name: 'sshd_otel.spans.exported', value: 7, attributes: {} };

let stateDir = '';
before(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'metrics-'));
});
after(() => rmSync(stateDir, { recursive: true }));

/** One metric exporter with a log, already started. */
async function started(env: Readonly<Record<string, string>>, observe: () => readonly Measurement[] = () => []) {
  const log: string[] = [];
  const told = (level: string, text: string) => log.push(`${level} ${text}`);
  const exporter = new MetricExport(
    readMetricOptions(env, readFileSync),
    DEFAULT_EXPORT_OPTIONS,
    observe,
    () => RESOURCE,
    told,
  );
  await exporter.start();
  return { exporter, log };
}

/** The page that Prometheus would read. */
async function scrape(log: readonly string[]): Promise<{ page: string; type: string | null }> {
  const address = /http:\S+/.exec(log.join(' '))?.[0] ?? '';
  const answer = await fetch(address);
  return { page: await answer.text(), type: answer.headers.get('content-type') };
}

describe('metrics by OTLP', () => {
  for (const name of ['9.2-keys', '9.2-password', '9.2-scan', '9.2-mux', '10.0-sftp', '8.4-invalid-user']) {
    test(`of ${name} say what its spans say`, async () => {
      const sink = await startSink();
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_METRICS_EXPORTER: 'otlp' };
      const { code, stderr } = await runCommandLine(
        ['agent', '--state-dir', join(stateDir, name), '--config', '/dev/null'],
        { env, stdin: loadStream(name) },
      );
      assert.equal(code, 0, stderr);
      sink.check();
      const value = (metric: string, ...values: string[]): number =>
        sink.metrics
          .filter((each) => each.name === metric && values.every((one) => Object.values(each.attributes).includes(one)))
          .reduce((sum, each) => sum + (each.count ?? each.value), 0);
      const spans = sink.kept.filter(({ attributes }) => attributes['ssh.span.pending'] !== true);
      const roots = spans.filter(({ name: spanName }) => spanName === 'ssh.connection');
      const total = (attribute: string): number =>
        roots.reduce((sum, { attributes }) => sum + Number(attributes[attribute] ?? 0), 0);
      const named = (spanName: string) => spans.filter((each) => each.name === spanName).length;
      assert.ok(roots.length > 0);
      assert.equal(value('ssh.server.connection.duration'), roots.length);
      assert.equal(value('ssh.server.auth.attempts'), total('ssh.auth.attempts'));
      assert.equal(value('ssh.server.auth.queries'), total('ssh.auth.queries'));
      assert.equal(value('ssh.server.auth.attempts', 'rejected'), total('ssh.auth.failed_attempts'));
      assert.equal(
        value('ssh.server.connection.duration', 'accepted'),
        roots.filter(({ attributes }) => attributes['ssh.auth.result'] === 'accepted').length,
      );
      assert.equal(value('ssh.server.sessions'), named('ssh.session'));
      assert.equal(value('ssh.server.authorized_keys_command.duration'), named('ssh.authorized_keys_command'));
      assert.equal(value('ssh.server.commands'), total('ssh.connection.program_count'));
      assert.equal(value('ssh.server.network.io', 'receive'), total('ssh.connection.bytes_received'));
      assert.equal(value('ssh.server.network.io', 'transmit'), total('ssh.connection.bytes_sent'));
      assert.equal(value('ssh.server.active_connections') + value('ssh.server.active_sessions'), 0);
      assert.equal(value('sshd_otel.spans.made'), sink.kept.length);
      assert.equal(value('sshd_otel.spans.exported'), sink.kept.length);
      assert.equal(value('sshd_otel.spans.dropped'), 0);
      assert.ok(value('sshd_otel.events.received') > 10);
      assert.equal(sink.metrics[0]?.resource['service.name'], 'sshd');
      assert.equal(sink.metrics[0]?.resource['host.name'], roots[0]?.resource['host.name']);
    });
  }

  test('nothing is sent and no port is opened unless it is asked for', async () => {
    const sink = await startSink();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint };
    const { stderr } = await runCommandLine(['agent', '--state-dir', join(stateDir, 'off'), '--config', '/dev/null'], {
      env,
      stdin: loadStream('9.2-keys'),
    });
    assert.equal(sink.metricRequests, 0);
    assert.doesNotMatch(stderr, /metrics/);
    assert.deepEqual(readMetricOptions({}, readFileSync), {
      otlp: undefined,
      intervalMs: 60_000,
      prometheusPort: undefined,
    });
  });

  test('names, units and kinds are those of the table, and buckets too', async () => {
    const sink = await startSink();
    const levels = METRIC_NAMES.filter((name) => metricSpec(name).kind === 'level' || name.startsWith('sshd_otel.'));
    const observe = () => levels.map((name) => ({ name, value: 1, attributes: {} }));
    const { exporter } = await started(
      { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint },
      observe,
    );
    for (const name of METRIC_NAMES) if (!levels.includes(name)) exporter.record({ name, value: 1, attributes: {} });
    await exporter.shutdown(5_000);
    sink.check();
    for (const name of METRIC_NAMES) {
      const { kind, unit, buckets } = metricSpec(name);
      const found = sink.metrics.find((each) => each.name === name);
      assert.deepEqual([found?.kind, found?.unit, found?.bounds ?? []], [kind, unit, buckets ?? []], name);
    }
  });

  test('a request that fails loses nothing: the next one says it all, and the log says both once', async () => {
    const sink = await startSink();
    sink.answer = () => ({ kind: 'status', status: 400 });
    const { exporter, log } = await started({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.endpoint}/v1/metrics`,
      OTEL_METRIC_EXPORT_INTERVAL: '100',
    });
    exporter.record({ name: 'ssh.server.commands', value: 2, attributes: {} });
    await sink.until(() => sink.metricRequests >= 3);
    sink.answer = () => ({ kind: 'accept' });
    exporter.record({ name: 'ssh.server.commands', value: 3, attributes: {} });
    await exporter.shutdown(5_000);
    assert.equal(sink.metrics.find(({ name }) => name === 'ssh.server.commands')?.value, 5);
    assert.equal(log.filter((line) => line.startsWith('warn ')).length, 1);
    assert.match(log.join('\n'), /does not take metrics.*\n.*takes metrics again/);
  });

  test('a collector that never answers does not hold up the end', async () => {
    const sink = await startSink();
    sink.answer = () => ({ kind: 'hang' });
    const { exporter } = await started({ OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
    const beganMs = performance.now();
    await exporter.shutdown(100);
    assert.ok(performance.now() - beganMs < 2_000);
    sink.release();
  });
});

describe('metrics for Prometheus', () => {
  test('are served on loopback, in its notation', async () => {
    const env = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0' };
    const { exporter, log } = await started(env, () => [EXPORTED]);
    const attributes = { 'ssh.auth.method': 'publickey', 'ssh.auth.result': 'rejected' };
    exporter.record({ name: 'ssh.server.auth.attempts', value: 4, attributes });
    for (const value of [0.004, 0.3, 200])
      exporter.record({ name: 'ssh.server.authorized_keys_command.duration', value, attributes: {} });
    assert.match(log.join(' '), /http:\/\/127\.0\.0\.1:\d+\/metrics/);
    const { page, type } = await scrape(log);
    assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
    const has = (line: string) => assert.ok(page.split('\n').includes(line), `${line}\n${page}`);
    has('# TYPE ssh_server_auth_attempts_total counter');
    has('ssh_server_auth_attempts_total{ssh_auth_method="publickey",ssh_auth_result="rejected"} 4');
    has('sshd_otel_spans_exported_total 7');
    has('# TYPE ssh_server_authorized_keys_command_duration_seconds histogram');
    has('ssh_server_authorized_keys_command_duration_seconds_bucket{le="0.005"} 1');
    has('ssh_server_authorized_keys_command_duration_seconds_bucket{le="0.5"} 2');
    has('ssh_server_authorized_keys_command_duration_seconds_bucket{le="+Inf"} 3');
    has('ssh_server_authorized_keys_command_duration_seconds_count 3');
    assert.match(page, /^target_info\{.*host_name="quote\\"back\\\\slash".*\} 1$/m);
    assert.ok(page.endsWith('\n'));
    await exporter.shutdown(100);
  });

  test('nothing else is served, and nothing after the end', async () => {
    const { exporter, log } = await started({
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: '0',
    });
    const address = /http:\S+/.exec(log.join(' '))?.[0] ?? '';
    assert.equal((await fetch(address.replace('/metrics', '/'))).status, 404);
    assert.equal((await fetch(address, { method: 'POST', body: 'x' })).status, 405);
    await exporter.shutdown(100);
    await assert.rejects(fetch(address));
  });

  test('a port that is taken is said, and is no reason to stop', async () => {
    const first = await started({ OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0' });
    const port = /:(\d+)\//.exec(first.log.join(' '))?.[1] ?? '';
    const second = await started({ OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: port });
    assert.match(second.log.join(' '), /^warn no metrics for Prometheus: .*EADDRINUSE/);
    await second.exporter.shutdown(100);
    await first.exporter.shutdown(100);
  });
});

describe('settings of metrics', () => {
  test('every mistake is named with its variable', () => {
    const env = {
      OTEL_METRICS_EXPORTER: 'otlp,statsd',
      OTEL_METRIC_EXPORT_INTERVAL: 'often',
      OTEL_EXPORTER_PROMETHEUS_PORT: '70000',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'collector:4318',
    };
    assert.throws(
      () => readMetricOptions(env, readFileSync),
      (error: ExportConfigError) =>
        error instanceof ExportConfigError &&
        Object.keys(env).every((name) => error.problems.some((problem) => problem.startsWith(`${name}: `))),
    );
  });

  test('the shared endpoint gets the path of metrics, its own is used as it is', () => {
    const url = (env: Readonly<Record<string, string>>) =>
      readMetricOptions({ OTEL_METRICS_EXPORTER: 'otlp', ...env }, readFileSync).otlp?.url;
    assert.equal(url({}), 'http://localhost:4318/v1/metrics');
    assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c:1/base/' }), 'https://c:1/base/v1/metrics');
    assert.equal(url({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://c:1/m' }), 'https://c:1/m');
    assert.equal(url({ OTEL_SDK_DISABLED: 'true' }), undefined);
  });
});
