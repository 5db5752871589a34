import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parser } from '@grafana/lezer-traceql';
import { parseDocument } from 'yaml';
import { PHASES } from '../../agent/sshd/phases.ts';
import { runCommandLine } from '../helpers/command-context.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const EXAMPLES = join(ROOT, 'deploy', 'examples');
const DASHBOARDS = join(EXAMPLES, 'grafana', 'dashboards');

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly query: string; readonly datasource: { readonly uid: string } }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly panels: readonly Panel[];
}

interface Service {
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly ports?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly command?: readonly string[];
  readonly privileged?: unknown;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface CollectorConfig {
  readonly receivers: object;
  readonly processors: object;
  readonly exporters: Readonly<Record<string, { readonly endpoint: string }>>;
  readonly service: { readonly pipelines: { readonly traces: Readonly<Record<string, readonly string[]>> } };
}

const text = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');

function yaml<T>(name: string): T {
  const document = parseDocument(text(name), { strict: true, uniqueKeys: true });
  assert.deepEqual([...document.errors, ...document.warnings], [], name);
  return document.toJS() as T;
}

const dashboards: readonly Dashboard[] = readdirSync(DASHBOARDS)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(DASHBOARDS, name), 'utf8')));

function blocks(language: string): string[] {
  const found = text('queries.md').matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``, 'g'));
  return [...found].map((match) => match[1] ?? '');
}

/** Names in the first column of a table of docs/attributes.md, and names of spans anywhere in it. */
const PAGE = readFileSync(join(ROOT, 'docs', 'attributes.md'), 'utf8');
const KNOWN = new Set([...PAGE.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]));
const SPANS = new Set<string>(['ssh.connection (open)', 'ssh.session (open)']);
for (const name of [...KNOWN, ...Object.values(PHASES).map((phase) => phase.name)])
  if (name?.startsWith('ssh.') === true) SPANS.add(name);

function faultsOf(query: string): string[] {
  const faults: string[] = [];
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      if (type.isError) faults.push(`no TraceQL at ${from}: ${query.slice(Math.max(0, from - 10), to + 20)}`);
    },
  });
  for (const [, name = ''] of query.matchAll(/\bspan\.([a-z0-9_.]+)/g))
    if (!KNOWN.has(name)) faults.push(`${name} is no attribute`);
  for (const [, name = ''] of query.matchAll(/(?<![.\w])name = "(ssh[^"]*)"/g))
    if (!SPANS.has(name)) faults.push(`${name} is no span`);
  return faults;
}

describe('examples', () => {
  test('every query of the dashboards and of the page is TraceQL, of names that exist', () => {
    const queries = dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ targets }) => targets.map((one) => one.query)),
    );
    assert.ok(queries.length >= 20 && blocks('traceql').length >= 8);
    assert.deepEqual([...queries, ...blocks('traceql')].flatMap(faultsOf), []);
  });

  test('so is every query of the other pages', () => {
    const pages = readdirSync(join(ROOT, 'docs')).map((name) => readFileSync(join(ROOT, 'docs', name), 'utf8'));
    const queries = pages
      .flatMap((page) => page.split('\n'))
      .filter((line) => /^\{ .*(span|resource|name)\b.* \}/.test(line));
    assert.ok(queries.length >= 6, `${queries.length} queries`);
    assert.deepEqual(queries.flatMap(faultsOf), []);
  });

  test('a query that is wrong would be found', () => {
    assert.ok(faultsOf('{ name = "ssh.connection" ').length > 0);
    assert.ok(faultsOf('{ span.ssh.no_such_thing = 1 }').length > 0);
    assert.ok(faultsOf('{ name = "ssh.no_such_span" }').length > 0);
  });

  test('every query for Jaeger is of parts that it has and of names that exist', () => {
    assert.ok(blocks('jaeger').length >= 5);
    for (const query of blocks('jaeger')) {
      const parts = Object.fromEntries(
        query.split(' ').map((part) => [part.split('=')[0], part.slice(part.indexOf('=') + 1)]),
      );
      for (const key of Object.keys(parts))
        assert.match(key, /^(service|operation|tags|minDuration|maxDuration|limit)$/);
      assert.equal(parts['service'], 'sshd');
      if (parts['operation']?.startsWith('ssh.') === true) assert.ok(SPANS.has(parts['operation']), query);
      const tags: Readonly<Record<string, unknown>> = JSON.parse(parts['tags'] ?? '{}');
      for (const [key, value] of Object.entries(tags)) assert.ok(KNOWN.has(key) && typeof value === 'string', query);
    }
  });

  test('panels have a data source that is provisioned, a place of their own and an id of their own', () => {
    const sources = yaml<{ datasources: { uid: string }[] }>('grafana/datasources/datasources.yaml').datasources;
    const uids = new Set(sources.map(({ uid }) => uid));
    assert.equal(new Set(dashboards.map(({ uid }) => uid)).size, 4);
    for (const { title, panels } of dashboards) {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, title);
      const taken = new Set<string>();
      for (const { gridPos, datasource, targets, title: panel } of panels) {
        assert.ok(uids.has(datasource.uid) && targets.every((one) => uids.has(one.datasource.uid)), panel);
        assert.ok(gridPos.x + gridPos.w <= 24, panel);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.ok(!taken.has(`${x} ${y}`), `${title}: ${panel} overlaps`);
            taken.add(`${x} ${y}`);
          }
      }
    }
  });

  test('compose.yaml names only files, services and volumes that there are', () => {
    const { services, volumes } = yaml<Compose>('compose.yaml');
    for (const [name, { volumes: mounts = [], depends_on: needs = {}, ports = [] }] of Object.entries(services)) {
      for (const mount of mounts) {
        const from = mount.split(':')[0] ?? '';
        assert.ok(
          from.startsWith('./') ? existsSync(join(EXAMPLES, from)) : Object.hasOwn(volumes, from),
          `${name}: ${mount}`,
        );
      }
      for (const need of Array.isArray(needs) ? needs : Object.keys(needs))
        assert.ok(Object.hasOwn(services, need), need);
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, 'a port that strangers reach');
    }
    for (const file of ['datasources/datasources.yaml', 'dashboards/provider.yaml'])
      for (const [, host = ''] of text(`grafana/${file}`).matchAll(/http:\/\/([a-z]+):/g))
        assert.ok(Object.hasOwn(services, host));
  });

  test('the producer has the rights of the DaemonSet, and the agent none', () => {
    const { producer, agent } = yaml<Compose>('compose.yaml').services;
    assert.deepEqual([producer?.cap_add, producer?.privileged], [['BPF', 'PERFMON'], undefined]);
    assert.deepEqual([agent?.cap_add, agent?.privileged], [undefined, undefined]);
    const manifest = readFileSync(join(ROOT, 'deploy', 'kubernetes', 'sshd-otel.yaml'), 'utf8');
    for (const argument of [...(producer?.command ?? []), ...(agent?.command ?? [])])
      assert.match(manifest, new RegExp(`- ${argument}$`, 'm'), argument);
  });

  test("the collector's pipelines are made of components that are configured, and send where something listens", () => {
    const { receivers, processors, exporters, service } = yaml<CollectorConfig>('collector.yaml');
    const { services } = yaml<Compose>('compose.yaml');
    const { traces } = service.pipelines;
    assert.deepEqual(traces['receivers'], Object.keys(receivers));
    assert.deepEqual(traces['processors'], Object.keys(processors));
    assert.deepEqual(traces['exporters'], Object.keys(exporters));
    for (const { endpoint } of Object.values(exporters)) assert.ok(Object.hasOwn(services, new URL(endpoint).hostname));
  });

  test("the agent's settings are right", async () => {
    const { code, stdout, stderr } = await runCommandLine(['config', 'check', join(EXAMPLES, 'sshd-otel.yaml')]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /is right/);
  });

  test('what no real program has read says so first', () => {
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(yaml|json)$/.test(name),
    );
    assert.ok(files.length >= 10);
    for (const name of files) {
      const first = text(name).split('\n').slice(0, 2).join('\n');
      assert.match(first, /^# (Not run|Untested|Checked)|"description": "Never drawn/, name);
    }
  });
});
