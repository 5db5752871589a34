import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Pipeline } from '../../agent/pipeline.ts';
import { networkTest } from '../../agent/span/address.ts';
import { Exclusion, type ExclusionRules } from '../../agent/span/exclusion.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';

const STORY = gunzipSync(readFileSync(new URL('../streams/9.2-debian-story.ndjson.gz', import.meta.url)));

function replay(rules: Partial<ExclusionRules>): { spans: SpanRecord[]; exclusion: Exclusion } {
  const exclusion = new Exclusion({ users: [], sources: [], programs: [], ...rules });
  const options = { hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0', exclusion };
  const pipeline = new Pipeline(options);
  const spans = [...pipeline.push(STORY), ...pipeline.end()];
  return { spans, exclusion };
}

const all = replay({}).spans;
const userOf = (span: SpanRecord) => span.attributes['user.name'];
const connectionOf = (span: SpanRecord) => span.attributes['ssh.connection.id'];

test('a user who got in is excluded with all of his connections, and everybody else is told of as before', () => {
  const root = all.find(({ root, attributes }) => root && attributes['ssh.auth.result'] === 'accepted');
  const user = String(root?.attributes['user.name']);
  const { spans, exclusion } = replay({ users: [user] });
  const accepted = new Set(
    all.filter((s) => s.root && s.attributes['ssh.auth.result'] === 'accepted' && userOf(s) === user).map(connectionOf),
  );
  assert.ok(accepted.size > 0 && accepted.size < new Set(all.map(connectionOf)).size);
  assert.deepEqual(
    spans,
    all.filter((span) => !accepted.has(connectionOf(span))),
  );
  assert.deepEqual(exclusion.counters, { byUser: accepted.size, bySource: 0, programs: 0 });
});

test('who only fails under an excluded name is told of', () => {
  const failed = all.find((s) => s.root && s.attributes['ssh.auth.result'] === 'rejected' && userOf(s) !== undefined);
  assert.ok(failed !== undefined);
  const { spans } = replay({ users: [String(userOf(failed))] });
  assert.ok(spans.some(({ spanId }) => spanId === failed.spanId));
});

test('a source is excluded with all that comes from there, failed logins too', () => {
  const connections = new Set(all.map(connectionOf)).size;
  const { spans, exclusion } = replay({ sources: ['127.0.0.0/8', '::1'] });
  assert.deepEqual(spans, []);
  assert.deepEqual(exclusion.counters, { byUser: 0, bySource: connections, programs: 0 });
});

test('an excluded program has no span, what it ran hangs on whatever ran it, and no span loses its parent', () => {
  const counts = new Map<string, number>();
  const byId = new Map(all.map((span) => [span.spanId, span]));
  for (const span of all) {
    const parent = byId.get(span.parentSpanId ?? '');
    if (span.attributes['process.pid'] !== undefined && parent?.attributes['ssh.process.exec_number'] !== undefined)
      counts.set(parent.name, (counts.get(parent.name) ?? 0) + 1);
  }
  const [name] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [''];
  const { spans, exclusion } = replay({ programs: [name] });
  const gone = all.filter((span) => span.name === name && span.attributes['ssh.process.exec_number'] !== undefined);
  assert.ok(gone.length > 0, name);
  assert.equal(exclusion.counters.programs, gone.length);
  assert.equal(spans.length, all.length - gone.length);
  const kept = new Set(spans.map(({ spanId }) => spanId));
  for (const span of spans)
    assert.ok(span.parentSpanId === undefined || kept.has(span.parentSpanId), `${span.name} hangs on nothing`);
});

test('networks: exact addresses, prefixes, IPv6 in any spelling, mapped IPv4; nonsense matches nothing', () => {
  const isIn = networkTest(['192.0.2.1', '198.51.100.0/23', '2001:db8::/32', '::1', 'x', '300.1.1.1', '1.2.3.4/33']);
  for (const address of [
    '192.0.2.1',
    '198.51.101.255',
    '2001:0DB8:0:0::7',
    '::1',
    '::ffff:192.0.2.1',
    '2001:db8::1%eth0',
  ])
    assert.ok(isIn(address), address);
  for (const address of ['192.0.2.2', '198.51.102.0', '2001:db9::', '::2', 'UNKNOWN', '', '1.2.3.4', '1:2', ':::'])
    assert.ok(!isIn(address), address);
});
