import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Config, resolveConfig } from '../../agent/config/config.ts';
import { changeBetween } from '../../agent/config/config-change.ts';
import { parseFlags } from '../../agent/config/flags.ts';
import { ConfigError } from '../../agent/config/option.ts';
import { OPTIONS } from '../../agent/config/options.ts';
import { printConfig } from '../../agent/config/print-config.ts';
import { configurationPage } from '../../agent/config/reference.ts';
import { SETTING_NAMES, specOf } from '../../agent/config/settings.ts';
import { DEFAULT_EXPORT_OPTIONS } from '../../agent/export/options.ts';

const ALL = Object.values(OPTIONS);

function resolve(
  file: string,
  env: Record<string, string> = {},
  argv: string[] = [],
  files: Record<string, string> = {},
): Config {
  return resolveConfig({
    flags: parseFlags(argv, ALL, []),
    env,
    file: { name: 'f.yaml', text: file },
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return Buffer.from(text);
    },
  });
}

test('flag over environment over file over default', () => {
  const source = (config: Config, name: string) => config.entries().find((entry) => entry.name === name)?.source;
  const config = resolve('redaction: { mode: full }\nflushSeconds: 20\nresource: { serviceName: mine }', {}, [
    '--redaction',
    'names-only',
  ]);
  assert.equal(config.get('redaction.mode'), 'names-only');
  assert.equal(source(config, 'redaction.mode'), '--redaction');
  assert.equal(config.get('flushSeconds'), 20);
  assert.equal(source(config, 'flushSeconds'), 'f.yaml:2');
  assert.equal(source(config, 'stateDir'), 'default');
  assert.equal(config.environment['OTEL_SERVICE_NAME'], 'mine');
  const told = resolve('resource: { serviceName: mine }', { OTEL_SERVICE_NAME: 'theirs' });
  assert.equal(told.environment['OTEL_SERVICE_NAME'], 'theirs');
  assert.equal(source(told, 'resource.serviceName'), 'OTEL_SERVICE_NAME');
});

test('a variable for traces and one for all signals both win over the file', () => {
  const file = 'export: { endpoint: "http://file:1", tracesEndpoint: "http://file:2/x", timeoutMs: 7 }';
  const general = resolve(file, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:1',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '9',
  });
  assert.equal(general.environment['OTEL_EXPORTER_OTLP_ENDPOINT'], 'http://env:1');
  assert.equal(general.environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'], undefined);
  assert.equal(general.environment['OTEL_EXPORTER_OTLP_TIMEOUT'], undefined);
  assert.equal(resolve(file).environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'], 'http://file:2/x');
});

test('headers: the map, then the file of headers, then the variable, each winning over the one before', () => {
  const file = 'export:\n  headersFile: /h\n  headers: { A: map, B: map, c: "map, with = and %" }\n';
  const { environment } = resolve(file, { OTEL_EXPORTER_OTLP_HEADERS: 'd=env' }, [], {
    '/h': '# x\nb: file\n\nAuthorization: Bearer a=b,c\n',
  });
  const text = environment['OTEL_EXPORTER_OTLP_HEADERS'] ?? '';
  const pairs = text.split(',').map((pair) => pair.split('=').map(decodeURIComponent));
  assert.deepEqual(Object.fromEntries(pairs), {
    a: 'map',
    b: 'file',
    c: 'map, with = and %',
    authorization: 'Bearer a=b,c',
    d: 'env',
  });
  assert.throws(
    () => resolve(file, {}, [], { '/h': 'good: 1\nno header\n' }),
    (error: ConfigError) => error.problems.join() === 'f.yaml:2: export.headersFile: /h: line 2: expected Name: value',
  );
  assert.throws(() => resolve(file), ConfigError);
});

test('--print-config shows each setting with its source, and no secret', () => {
  const config = resolve(
    'export:\n  endpoint: "https://me:hunter2@c:1/p?token=hunter2"\n  headers: { authorization: hunter2 }\n',
    { OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=hunter2' },
  );
  const text = printConfig(config);
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /export\.endpoint: +"https:\/\/\*\*\*@c:1\/p\?\*\*\*" +# f\.yaml:2\n/);
  assert.match(
    text,
    /export\.headers: +\{"authorization":"\*\*\*"\} +# f\.yaml:3 and OTEL_EXPORTER_OTLP_TRACES_HEADERS\n/,
  );
  assert.match(text, /redaction\.mode: +redacted +# default\n/);
  for (const name of SETTING_NAMES) assert.ok(text.includes(`${name}:`), name);
});

test('a changed setting is in force at once or named as waiting for a restart', () => {
  const before = resolve('redaction: { mode: full }\nstateDir: /a\nexclude: { users: [a] }');
  const after = resolve('redaction: { mode: redacted }\nstateDir: /b\nexclude: { users: [a] }');
  assert.deepEqual(changeBetween(before, after), { reloaded: ['redaction.mode'], needRestart: ['stateDir'] });
});

test('defaults are those of the parts that they are for', () => {
  const config = resolve('');
  const { queue, batch, timeoutMs, limits, compression, protocol } = DEFAULT_EXPORT_OPTIONS;
  assert.deepEqual(queue, {
    maxSpans: config.get('export.queue.maxSpans'),
    maxBytes: config.get('export.queue.maxBytes'),
  });
  assert.equal(batch.maxSpans, config.get('export.batch.maxSpans'));
  assert.equal(batch.maxBytes, config.get('export.batch.maxBytes'));
  assert.equal(batch.delayMs, config.get('export.batch.delayMs'));
  assert.equal(timeoutMs, config.get('export.timeoutMs'));
  assert.equal(compression, config.get('export.compression'));
  assert.equal(protocol, config.get('export.protocol'));
  assert.equal(limits.attributeCount, config.get('limits.spanAttributes'));
});

test('every flag in the table is an option of the command line, and every fallback fits its own schema', () => {
  const flags = new Set<string>(ALL.map(({ name }) => name));
  for (const name of SETTING_NAMES) {
    const { flag, fallback, schema } = specOf(name);
    if (flag !== undefined) assert.ok(flags.has(flag), flag);
    if (fallback !== undefined) assert.ok(schema.safeParse(fallback).success, name);
  }
});

test('docs/configuration.md is what the table says', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, configurationPage(), 'run: sshd-otel config reference > docs/configuration.md');
});
