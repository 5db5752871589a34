import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { MetricExport } from '../../agent/export/metric-export.ts';
import { readMetricOptions } from '../../agent/export/metric-options.ts';
import { DEFAULT_EXPORT_OPTIONS } from '../../agent/export/options.ts';
import type { Measurement } from '../../agent/metrics/metrics.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import type { OtlpSink } from '../helpers/otlp-sink.ts';
import { startSink } from '../helpers/sinks.ts';
import { loadStream } from '../helpers/streams.ts';

const RESOURCE = { attributes: { 'service.name': 'sshd', 'host.name': 'target' } };
const EXPORTED: Measurement = { name: 'sshd_otel.spans.exported', value: 7, attributes: {} };

let stateDir = '';
before(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'metric-transport-'));
});
after(() => rmSync(stateDir, { recursive: true }));

describe('how metrics are sent', () => {
  test('protobuf says the same as JSON', async () => {
    const counts: unknown[] = [];
    for (const protocol of ['http/json', 'http/protobuf']) {
      const sink = await startSink();
      const env = {
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
        OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      };
      const log: string[] = [];
      const exporter = new MetricExport(
        readMetricOptions(env, readFileSync),
        DEFAULT_EXPORT_OPTIONS,
        () => [EXPORTED],
        () => RESOURCE,
        (level, text) => log.push(`${level} ${text}`),
      );
      exporter.record({ name: 'ssh.server.commands', value: 2, attributes: { 'error.type': 'signal' } });
      exporter.record({ name: 'ssh.server.command.duration', value: 0.3, attributes: {} });
      await exporter.shutdown(5_000);
      sink.check();
      assert.deepEqual(log, []);
      assert.equal(sink.metricHeaders['content-encoding'], 'gzip');
      assert.match(String(sink.metricHeaders['content-type']), protocol === 'http/json' ? /json/ : /x-protobuf/);
      counts.push(sink.metrics.map(({ resource, ...point }) => [point, resource['host.name']]));
    }
    assert.ok((counts[0] as unknown[]).length >= 3);
    assert.deepEqual(counts[1], counts[0]);
  });

  test('another endpoint, other headers and another interval are in use at once, and counts go on', async () => {
    const [first, second] = [await startSink(), await startSink()];
    const optionsFor = (sink: OtlpSink, key: string) =>
      readMetricOptions(
        {
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
          OTEL_EXPORTER_OTLP_METRICS_HEADERS: `x-key=${key}`,
          OTEL_METRIC_EXPORT_INTERVAL: '100',
        },
        readFileSync,
      );
    const log: string[] = [];
    const exporter = new MetricExport(
      { ...optionsFor(first, 'one'), intervalMs: 3_600_000 },
      DEFAULT_EXPORT_OPTIONS,
      () => [],
      () => RESOURCE,
      (level, text) => log.push(`${level} ${text}`),
    );
    exporter.record({ name: 'ssh.server.commands', value: 2, attributes: {} });
    exporter.reconfigure(optionsFor(first, 'two'));
    await first.until(() => first.metricRequests >= 1);
    assert.equal(first.metricHeaders['x-key'], 'two');
    exporter.reconfigure(optionsFor(second, 'three'));
    exporter.record({ name: 'ssh.server.commands', value: 3, attributes: {} });
    await second.until(() => second.metrics.some(({ name, value }) => name === 'ssh.server.commands' && value === 5));
    assert.equal(second.metricHeaders['x-key'], 'three');
    await exporter.shutdown(5_000);
    // Nothing is begun again after the end.
    exporter.reconfigure(optionsFor(first, 'four'));
    assert.deepEqual(log, []);
  });

  test('a request that is under way when the settings change is finished, and not sent again', async (t) => {
    const keys: unknown[] = [];
    const waiting = Promise.withResolvers<ServerResponse>();
    const server = createServer((request, response) => {
      request.resume();
      keys.push(request.headers['x-key']);
      if (keys.length === 1) waiting.resolve(response);
      else response.end('{}');
    }).listen(0, '127.0.0.1');
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const optionsFor = (key: string) =>
      readMetricOptions(
        {
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
          OTEL_EXPORTER_OTLP_METRICS_HEADERS: `x-key=${key}`,
          OTEL_METRIC_EXPORT_INTERVAL: '3600000',
        },
        readFileSync,
      );
    const log: string[] = [];
    const exporter = new MetricExport(
      { ...optionsFor('one'), intervalMs: 100 },
      DEFAULT_EXPORT_OPTIONS,
      () => [EXPORTED],
      () => RESOURCE,
      (level, text) => log.push(`${level} ${text}`),
    );
    const first = await waiting.promise;
    exporter.reconfigure(optionsFor('two'));
    first.end('{}');
    await exporter.shutdown(5_000);
    assert.deepEqual(keys, ['one', 'two']);
    assert.deepEqual(log, []);
  });

  test('SIGHUP brings the new headers of metrics into force', async () => {
    const sink = await startSink();
    const file = join(stateDir, 'headers');
    writeFileSync(file, 'x-key: one\n');
    const stop = new AbortController();
    let hangup = (): void => undefined;
    const stdin = new PassThrough();
    stdin.write(loadStream('9.2-keys'));
    const running = runCommandLine(
      ['agent', '--state-dir', join(stateDir, 'hup'), '--config', '/dev/null', '--headers-file', file],
      {
        env: {
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
          OTEL_METRIC_EXPORT_INTERVAL: '100',
        },
        input: stdin,
        stop: stop.signal,
        onHangup: (listener) => {
          hangup = listener;
        },
      },
    );
    await sink.until(() => sink.metricHeaders['x-key'] === 'one');
    writeFileSync(file, 'x-key: two\n');
    hangup();
    await sink.until(() => sink.metricHeaders['x-key'] === 'two');
    stdin.end();
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    sink.check();
  });
});

describe('settings of how metrics are sent', () => {
  test('what is said of metrics wins over what is said of all, and what is said of traces has no say', () => {
    const read = (env: Readonly<Record<string, string>>) =>
      readMetricOptions({ OTEL_METRICS_EXPORTER: 'otlp', ...env }, readFileSync).otlp;
    const all = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-both=all,x-all=1',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
    };
    const traces = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:1/t',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-both=traces,x-traces=1',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2000',
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip',
    };
    const metrics = {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics:1/m',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-both=metrics',
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '3000',
      OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'gzip',
    };
    const tls = { ca: undefined, cert: undefined, key: undefined };
    assert.deepEqual(read({ ...all, ...traces }), {
      url: 'http://all:1/v1/metrics',
      protocol: 'http/json',
      headers: { 'x-both': 'all', 'x-all': '1' },
      timeoutMs: 1_000,
      compression: 'none',
      tls,
    });
    assert.deepEqual(read({ ...all, ...traces, ...metrics }), {
      url: 'http://metrics:1/m',
      protocol: 'http/protobuf',
      headers: { 'x-both': 'metrics', 'x-all': '1' },
      timeoutMs: 3_000,
      compression: 'gzip',
      tls,
    });
  });

  test('a mistake in how metrics are sent is named, and one in what all signals share once', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
      OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'zstd',
      OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: '/no/such/ca.pem',
    };
    const { code, stderr } = await runCommandLine(['agent', '--config', '/dev/null'], { env });
    assert.equal(code, 2);
    for (const name of Object.keys(env)) assert.equal(stderr.split(`${name}: `).length, 2, stderr);
  });
});
