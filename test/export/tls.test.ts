import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readExportSettings } from '../../agent/export/environment.ts';
import { MetricExport } from '../../agent/export/metric-export.ts';
import { readMetricOptions } from '../../agent/export/metric-options.ts';
import { SpanExport } from '../../agent/export/span-export.ts';
import { type Environment, ExportConfigError } from '../../agent/export/transport-variables.ts';
import { LogLines, RESOURCE, testOptions, traceOf } from '../helpers/export-fixtures.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';

const directory = mkdtempSync(join(tmpdir(), 'sshd-otel-tls-'));
after(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });

for (const ca of ['ca', 'other-ca']) {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${ca}`,
    '-keyout',
    `${ca}.key`,
    '-out',
    `${ca}.pem`,
  );
}
for (const [name, extension] of [
  ['server', 'subjectAltName=IP:127.0.0.1'],
  ['client', 'extendedKeyUsage=clientAuth'],
] as const) {
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-addext',
    extension,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-copy_extensions',
    'copy',
    '-out',
    `${name}.pem`,
  );
}

const SERVER = {
  key: readFileSync(path('server.key')),
  cert: readFileSync(path('server.pem')),
  ca: readFileSync(path('ca.pem')),
};

/** The way from the variables to the wire, files read as the agent reads them. */
function exporterFor(sink: OtlpSink, environment: Environment, logs: LogLines): SpanExport {
  const { options } = readExportSettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, ...environment },
    '0',
    readFileSync,
  );
  return new SpanExport({ ...testOptions(options.url), tls: options.tls }, logs.log);
}

test('a collector with a certificate of our own authority is trusted by OTEL_EXPORTER_OTLP_CERTIFICATE', async (t) => {
  const sink = await OtlpSink.start(SERVER);
  t.after(() => sink.close());
  const logs = new LogLines();
  const exporter = exporterFor(sink, { OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem') }, logs);
  exporter.accept(traceOf(0, 3), RESOURCE);
  await sink.spans(3);
  await exporter.shutdown(5_000);
  await sink.close();
  sink.check();
  assert.deepEqual(logs.lines, []);
});

test('a collector that nobody vouches for gets nothing; that is said, and tried again slowly', async (t) => {
  for (const environment of [{}, { OTEL_EXPORTER_OTLP_CERTIFICATE: path('other-ca.pem') }]) {
    const sink = await OtlpSink.start(SERVER);
    t.after(() => sink.close());
    const logs = new LogLines();
    const exporter = exporterFor(sink, environment, logs);
    exporter.accept(traceOf(0, 3), RESOURCE);
    assert.match(await logs.line(/cannot export/), /(self-signed|unable to verify|unable to get local).*certificate/);
    const { counters } = await exporter.shutdown(60_000);
    await sink.close();
    assert.deepEqual([sink.requests.length, counters.late], [0, 3]);
  }
});

test('with a client certificate a collector that asks for one knows the agent', async (t) => {
  const sink = await OtlpSink.start({ ...SERVER, requestCert: true, rejectUnauthorized: true });
  t.after(() => sink.close());
  const logs = new LogLines();
  const exporter = exporterFor(
    sink,
    {
      OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: path('client.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: path('client.key'),
    },
    logs,
  );
  exporter.accept(traceOf(0, 3), RESOURCE);
  await sink.spans(3);
  await exporter.shutdown(5_000);
  await sink.close();
  assert.equal(sink.requests[0]?.authorized, true);
});

test('without one it gets nothing, and that is said', async (t) => {
  const sink = await OtlpSink.start({ ...SERVER, requestCert: true, rejectUnauthorized: true });
  t.after(() => sink.close());
  const logs = new LogLines();
  const exporter = exporterFor(sink, { OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem') }, logs);
  exporter.accept(traceOf(0, 3), RESOURCE);
  await logs.line(/cannot export.*(certificate|ECONNRESET|hang up)/);
  const { counters } = await exporter.shutdown(300);
  await sink.close();
  assert.deepEqual([sink.requests.length, counters.exported], [0, 0]);
});

test('a file that is no certificate is refused before anything is sent', () => {
  const wrong = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: path('server.csr'),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/etc/hostname',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: path('client.pem'),
  };
  assert.throws(
    () => readExportSettings(wrong, '0', readFileSync),
    (error) =>
      error instanceof ExportConfigError &&
      error.problems.some((problem) => problem.includes('/etc/hostname: it holds no PEM block')),
  );
});

test('a certificate that is put right is used at once, in the middle of a slow pause, and nothing is lost', async (t) => {
  const sink = await OtlpSink.start(SERVER);
  t.after(() => sink.close());
  const logs = new LogLines();
  const base = testOptions(sink.url);
  // As in production: only a reload ends this pause within the test.
  const options = {
    ...base,
    backoff: { ...base.backoff, slowMs: 60_000 },
    tls: { ca: readFileSync(path('other-ca.pem')) },
  };
  const exporter = new SpanExport(options, logs.log);
  exporter.accept(traceOf(0, 3), RESOURCE);
  await logs.line(/cannot export/);
  exporter.reconfigure({ ...options, headers: { 'x-key': 'new' }, tls: { ca: SERVER.ca } });
  await sink.spans(3);
  assert.equal(sink.requests[0]?.headers['x-key'], 'new');
  await logs.line(/export works again/);
  const { complete } = await exporter.shutdown(5_000);
  assert.equal(complete, true);
});

test('metrics too use a certificate that is put right', async (t) => {
  const sink = await OtlpSink.start(SERVER);
  t.after(() => sink.close());
  const logs = new LogLines();
  const optionsWith = (ca: string) =>
    readMetricOptions(
      {
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '100',
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
        OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: path(ca),
      },
      readFileSync,
    );
  const exporter = new MetricExport(
    optionsWith('other-ca.pem'),
    testOptions(sink.url),
    () => [],
    () => RESOURCE,
    logs.log,
  );
  exporter.record({ name: 'ssh.server.commands', value: 2, attributes: {} });
  await logs.line(/does not take metrics: .*certificate/);
  exporter.reconfigure(optionsWith('ca.pem'));
  await logs.line(/takes metrics again/);
  assert.equal(sink.metrics.find(({ name }) => name === 'ssh.server.commands')?.value, 2);
  await exporter.shutdown(5_000);
});
