import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sourceNetwork } from '../../agent/span/address.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { UnauthenticatedLimits } from '../../agent/span/unauthenticated-budget.ts';
import type { ConnectionFacts, SessionEvent } from '../../agent/sshd/session-event.ts';
import { drawTrace } from '../../agent/view/draw-trace.ts';
import { at, auth, bytes, connection, handshake, told } from '../helpers/session-events.ts';
import { applyAll, builder } from '../helpers/spans.ts';

const LIMITS: UnauthenticatedLimits = { perSource: 2, perMinute: 100, maxSources: 10 };
const SUMMARY = 'ssh.connection.summary';

/** One connection of a second, which fails unless the facts say otherwise. */
function story(number: number, atMs: number, peer: string, facts: Partial<ConnectionFacts> = {}): SessionEvent[] {
  const own = connection({
    id: { pid: 1_000 + number, startNs: at(atMs) },
    startNs: at(atMs),
    endNs: at(atMs + 900),
    endpoints: { peer, peerPort: 1, local: '198.51.100.4', localPort: 22 },
    attempts: 3,
    failedAttempts: 3,
    disconnectReason: 'auth_failed',
    ...facts,
  });
  return [
    { type: 'connection-opened', connection: own, tsNs: at(atMs) },
    told(own, handshake(atMs, atMs + 10)),
    told(own, auth(atMs + 10, atMs + 900, own.authenticated ? 'accepted' : 'rejected')),
    { type: 'connection-closed', connection: own, tsNs: at(atMs + 900) },
  ];
}

const tickAt = (ms: number): SessionEvent => ({ type: 'tick', tsNs: at(ms) });
const times = <T>(count: number, make: (number: number) => T[]): T[] =>
  Array.from({ length: count }, (_unused, number) => make(number)).flat();
const summariesOf = (spans: readonly SpanRecord[]) => spans.filter(({ name }) => name === SUMMARY);
const rootsOf = (spans: readonly SpanRecord[]) => spans.filter(({ name }) => name === 'ssh.connection');
const value = (span: SpanRecord | undefined, name: string) => span?.attributes[`ssh.summary.${name}`];

describe('connections that never authenticate', () => {
  test('are told whole up to the budget of their source, then counted, and whole again a minute later', () => {
    const made = builder({ unauthenticated: LIMITS });
    const spans = applyAll(made, [
      ...times(7, (i) => story(i, i * 1_000, '192.0.2.7')),
      ...story(20, 8_000, '192.0.2.8'),
      tickAt(61_000),
    ]);
    assert.equal(rootsOf(spans).length, 3);
    const [summary, ...others] = summariesOf(spans);
    assert.deepEqual(others, []);
    assert.deepEqual([value(summary, 'connections'), value(summary, 'connections_told')], [5, 2]);
    assert.deepEqual([value(summary, 'source'), summary?.attributes['client.address']], ['192.0.2.7', '192.0.2.7']);
    assert.deepEqual(value(summary, 'reasons'), ['auth_failed=5']);
    assert.equal(summary?.attributes['ssh.auth.attempts'], 15);
    assert.equal(summary?.endNs, (summary?.startNs ?? 0n) + 4_900_000_000n);
    assert.equal(summary?.status, 'error');
    assert.deepEqual(made.summarized, { connections: 5, summaries: 1 });
    assert.equal(made.held, 0);
    assert.equal(rootsOf(applyAll(made, story(30, 62_000, '192.0.2.7'))).length, 1);
    const drawn = drawTrace(summary === undefined ? [] : [summary], { width: 200, color: false });
    assert.match(
      drawn,
      /^● 5 connections from 192\.0\.2\.7 in 4\.900s, not told one by one, nobody let in: auth_failed=5/,
    );
  });

  test('do not touch who gets in, or might have, whatever came from the same place', () => {
    const spans = applyAll(builder({ unauthenticated: LIMITS }), [
      ...times(5, (i) => story(i, i * 1_000, '192.0.2.7')),
      ...story(10, 6_000, '192.0.2.7', { authenticated: true, user: { name: bytes('ada'), source: 'monitor' } }),
      ...story(11, 7_000, '192.0.2.7', { authUnknown: true }),
      tickAt(61_000),
    ]);
    assert.equal(rootsOf(spans).length, 4);
    assert.equal(value(summariesOf(spans)[0], 'connections'), 3);
  });

  test('share one budget, however many sources they have', () => {
    const spans = applyAll(builder({ unauthenticated: { ...LIMITS, perMinute: 3 } }), [
      ...times(8, (i) => story(i, i * 1_000, `192.0.2.${i}`)),
      tickAt(61_000),
    ]);
    assert.equal(rootsOf(spans).length, 3);
    assert.deepEqual(
      summariesOf(spans).map((span) => [value(span, 'source'), value(span, 'connections')]),
      [3, 4, 5, 6, 7].map((i) => [`192.0.2.${i}`, 1]),
    );
  });

  test('of more sources than are counted apart are told early, and none goes unsaid', () => {
    const made = builder({ unauthenticated: { perSource: 0, perMinute: 0, maxSources: 2 } });
    const spans = applyAll(made, [...times(12, (i) => story(i, i * 1_000, `192.0.2.${i % 3}`)), tickAt(13_000)]);
    assert.equal(summariesOf(spans).length, 10);
    const all = summariesOf([...spans, ...made.end()]);
    assert.equal(new Set(all.map(({ traceId }) => traceId)).size, 12);
    assert.equal(
      all.reduce((sum, span) => sum + Number(value(span, 'connections')), 0),
      12,
    );
  });

  test('that are told in part already are told whole, and wait for that while their source has no budget left', () => {
    const idle = story(50, 5_000, '192.0.2.7', { endNs: at(300_000) });
    const [opened, shook, , closed] = idle;
    assert.ok(opened !== undefined && shook !== undefined && closed !== undefined);
    const before = times(3, (i) => story(i, 121_000 + i * 1_000, '192.0.2.7'));
    const end: SessionEvent[] = [{ ...closed, tsNs: at(150_000) } as SessionEvent, tickAt(181_000)];
    const waited = applyAll(builder({ unauthenticated: LIMITS }), [opened, shook, ...before, tickAt(126_000), ...end]);
    assert.equal(value(summariesOf(waited)[0], 'connections'), 2);
    const early = applyAll(builder({ unauthenticated: LIMITS }), [opened, shook, tickAt(126_000), ...before, ...end]);
    assert.equal(value(summariesOf(early)[0], 'connections'), 1);
    const ids = new Set(early.map(({ spanId }) => spanId));
    for (const { parentSpanId } of early) assert.ok(parentSpanId === undefined || ids.has(parentSpanId));
  });

  test('name their users only where these look like names, and no more than sixteen', () => {
    const named = (number: number, name: string, facts: Partial<ConnectionFacts> = {}) =>
      story(number, number * 100, '192.0.2.7', { user: { name: bytes(name), source: 'monitor' }, ...facts });
    const spans = applyAll(builder({ unauthenticated: { ...LIMITS, perSource: 0 } }), [
      ...named(0, 'root'),
      ...named(1, 'S3cret Pass!'),
      ...named(2, 'Odd Name', { userValid: true }),
      ...times(20, (i) => named(3 + i, `user${i}`)),
      ...named(40, 'root'),
      tickAt(61_000),
    ]);
    const [summary] = summariesOf(spans);
    const users = value(summary, 'users') as readonly string[];
    assert.deepEqual([users.length, users[0], users[1]], [16, 'root', 'Odd Name']);
    assert.equal(value(summary, 'other_users'), 1 + 6);
    assert.doesNotMatch(JSON.stringify(summary?.attributes), /S3cret/);
  });

  test('are told at the end of the stream, or when the agent stops, without waiting for the minute', () => {
    for (const finish of ['end', 'suspend'] as const) {
      const made = builder({ unauthenticated: { ...LIMITS, perSource: 0 } });
      applyAll(made, story(1, 0, '192.0.2.7'));
      assert.equal(summariesOf(finish === 'end' ? made.end() : made.suspend(at(2_000))).length, 1);
      assert.deepEqual(made.end(), []);
    }
  });

  test('of another boot are counted by its own clock, and what was counted before keeps its boot', () => {
    const host = (bootId: string): SessionEvent => ({
      type: 'host',
      host: { bootId, producer: 'test', producerVersion: '1' },
    });
    const late = times(4, (i) => story(i, 10_000_000 + i * 1_000, '192.0.2.7'));
    const made = builder({ unauthenticated: LIMITS });
    const minutes = times(5, (i) => [...story(10 + i, i * 70_000, '192.0.2.7'), tickAt(i * 70_000 + 2_000)]);
    const spans = applyAll(made, [host('a'), ...late, host('b'), ...minutes]);
    assert.equal(rootsOf(spans).length, 2 + 5);
    const summaries = [...summariesOf(spans), ...made.end()];
    assert.deepEqual(
      summaries.map((span) => value(span, 'connections')),
      [2],
    );
    const alone = builder({ unauthenticated: LIMITS });
    applyAll(alone, [host('a'), ...late]);
    assert.equal(alone.end()[0]?.traceId, summaries[0]?.traceId);
  });

  test('of a listener that turns them away without a process of their own count too', () => {
    const facts = { attempts: 0, failedAttempts: 0, disconnectReason: 'not_admitted' } as const;
    const spans = applyAll(builder({ unauthenticated: { ...LIMITS, perSource: 0 } }), [
      ...times(3, (i) => story(i, i * 1_000, '192.0.2.7', facts)),
      tickAt(61_000),
    ]);
    assert.deepEqual(value(summariesOf(spans)[0], 'reasons'), ['not_admitted=3']);
    assert.equal(spans[0]?.status, 'unset');
  });
});

test('a source is an IPv4 address, mapped or not, or an IPv6 network of 64 bits', () => {
  for (const [address, source] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:0:7::1', '2001:db8:0:7::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['unix', undefined],
  ] as const)
    assert.equal(sourceNetwork(address), source);
});
