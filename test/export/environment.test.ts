import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExportSettings, readExportSettings } from '../../agent/export/environment.ts';
import { type Environment, ExportConfigError } from '../../agent/export/transport-variables.ts';

const noFile = (path: string): Uint8Array => {
  throw new Error(`ENOENT: no such file or directory, open '${path}'`);
};

function read(environment: Environment): ExportSettings {
  return readExportSettings(environment, '1.2.3', noFile);
}

function problemsOf(environment: Environment): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    assert.ok(error instanceof ExportConfigError);
    return error.problems;
  }
  return [];
}

test('told nothing, it sends nothing', () => {
  assert.equal(read({}).options.enabled, false);
  assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }).options.enabled, false);
});

test('an endpoint, or otlp by name, switches it on; none and OTEL_SDK_DISABLED switch it off', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };
  assert.equal(read(endpoint).options.enabled, true);
  const byName = read({ OTEL_TRACES_EXPORTER: 'otlp' }).options;
  assert.deepEqual([byName.enabled, byName.url], [true, 'http://localhost:4318/v1/traces']);
  assert.equal(read({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).options.enabled, false);
  assert.equal(read({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }).options.enabled, false);
  assert.equal(read({ ...endpoint, OTEL_SDK_DISABLED: 'false' }).options.enabled, true);
});

test('the endpoint for all signals gets the path of traces, that for traces is used as it is', () => {
  const url = (environment: Environment) => read(environment).options.url;
  assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }), 'http://localhost:4318/v1/traces');
  assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318/' }), 'http://localhost:4318/v1/traces');
  assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://gw.example/otlp/' }), 'https://gw.example/otlp/v1/traces');
  const both = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:1', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:2/here' };
  assert.equal(url(both), 'http://b:2/here');
});

test('headers: decoded, those for traces win over those for all signals', () => {
  const { headers } = read({
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20abc%3D, X-Scope-OrgID=all,',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope-orgid=traces',
  }).options;
  assert.deepEqual(headers, { authorization: 'Bearer abc=', 'x-scope-orgid': 'traces' });
});

test('everything else lands where it belongs', () => {
  const { options } = read({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2500',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_SERVICE_NAME: 'bastion',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,note=a%2Cb',
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '100',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '50',
    OTEL_SPAN_LINK_COUNT_LIMIT: '7',
    OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: '8',
  });
  assert.equal(options.protocol, 'http/protobuf');
  assert.equal(options.timeoutMs, 2_500);
  assert.equal(options.compression, 'gzip');
  assert.equal(options.serviceName, 'bastion');
  assert.deepEqual(options.resourceAttributes, { 'deployment.environment.name': 'prod', note: 'a,b' });
  assert.deepEqual(options.limits, {
    attributeCount: 50,
    attributeValueLength: 100,
    linkCount: 7,
    attributePerLinkCount: 8,
  });
  assert.equal(options.version, '1.2.3');
});

test('a parent-based sampler is read as its root sampler', () => {
  const sampler = (name: string, arg?: string) =>
    read({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg }).options.sampler;
  assert.deepEqual(read({}).options.sampler, { kind: 'always_on', ratio: 1 });
  assert.deepEqual(sampler('always_off'), { kind: 'always_off', ratio: 1 });
  assert.deepEqual(sampler('parentbased_always_off'), { kind: 'always_off', ratio: 1 });
  assert.deepEqual(sampler('parentbased_traceidratio', '0.25'), { kind: 'traceidratio', ratio: 0.25 });
  assert.deepEqual(sampler('traceidratio'), { kind: 'traceidratio', ratio: 1 });
});

test('all that is wrong is said at once, each with its name and what was expected, and without the value', () => {
  const problems = problemsOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'thrift',
    OTEL_EXPORTER_OTLP_HEADERS: 'secret-without-equals,bad name=hunter2,x=caf%ZZ,y=%0d%0aforged',
    OTEL_EXPORTER_OTLP_TIMEOUT: '10s',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/such/ca.pem',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: '/no/such/key.pem',
    OTEL_RESOURCE_ATTRIBUTES: 'novalue',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_EXPORTER: 'console',
    OTEL_SDK_DISABLED: 'maybe',
    OTEL_SPAN_LINK_COUNT_LIMIT: '-1',
  });
  const text = problems.join('\n');
  for (const expected of [
    /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL that begins with http:\/\/ or https:\/\/$/m,
    /^OTEL_EXPORTER_OTLP_PROTOCOL: expected http\/json or http\/protobuf$/m,
    /^OTEL_EXPORTER_OTLP_HEADERS: member 1 is not key=value$/m,
    /^OTEL_EXPORTER_OTLP_HEADERS: member 3 has a “%”/m,
    /^OTEL_EXPORTER_OTLP_HEADERS: “bad name” is no header name$/m,
    /^OTEL_EXPORTER_OTLP_HEADERS: the value of y has characters that no header may have$/m,
    /^OTEL_EXPORTER_OTLP_TIMEOUT: expected a whole number from 1 to 600000$/m,
    /^OTEL_EXPORTER_OTLP_COMPRESSION: expected none, gzip$/m,
    /^OTEL_EXPORTER_OTLP_CERTIFICATE: cannot use \/no\/such\/ca.pem: ENOENT/m,
    /^OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot use \/no\/such\/key.pem: ENOENT/m,
    /^OTEL_EXPORTER_OTLP_CLIENT_KEY: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is missing$/m,
    /^OTEL_RESOURCE_ATTRIBUTES: member 1 is not key=value$/m,
    /^OTEL_TRACES_SAMPLER: expected always_on, /m,
    /^OTEL_TRACES_EXPORTER: expected otlp or none \(traces are drawn/m,
    /^OTEL_SDK_DISABLED: expected true, false$/m,
    /^OTEL_SPAN_LINK_COUNT_LIMIT: expected a whole number/m,
  ]) {
    assert.match(text, expected);
  }
  assert.equal(problems.length, 16, text);
  assert.doesNotMatch(text, /hunter2|forged|secret-without/);
});

test('a sampling ratio out of range is an error, not one', () => {
  for (const arg of ['1.5', '-0.1', 'half']) {
    assert.deepEqual(problemsOf({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: arg }), [
      'OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1',
    ]);
  }
});

test('grpc is refused with what to set instead', () => {
  assert.deepEqual(problemsOf({ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' }), [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: grpc is not supported; set it to http/json or http/protobuf and the endpoint to the collector's HTTP port, usually 4318",
  ]);
});

test('plain http is warned about unless it stays on this host', () => {
  const warnings = (url: string) => read({ OTEL_EXPORTER_OTLP_ENDPOINT: url }).warnings;
  for (const local of [
    'http://localhost:4318',
    'http://127.0.0.1:4318',
    'http://127.1.2.3:1',
    'http://[::1]:4318',
    'https://far.example',
  ]) {
    assert.deepEqual(warnings(local), [], local);
  }
  for (const remote of [
    'http://collector:4318',
    'http://192.0.2.1:4318',
    'http://localhost.example:4318',
    'http://user:pw@far.example',
  ]) {
    assert.match(warnings(remote).join(), /unencrypted/, remote);
    assert.doesNotMatch(warnings(remote).join(), /pw/);
  }
});
