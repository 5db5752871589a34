/** Floods of failed logins: what is told of them, and of who logs in meanwhile. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Pipeline } from '../agent/pipeline.ts';
import { noRedaction } from '../agent/span/redactor.ts';
import type { SpanRecord } from '../agent/span/span-record.ts';
import type { UnauthenticatedLimits } from '../agent/span/unauthenticated-budget.ts';
import { runCommandLine } from './helpers/command-context.ts';
import { ConnectionTemplate, type Flood, floodOf } from './helpers/flood.ts';
import { OtlpSink } from './helpers/otlp-sink.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const LIMITS: UnauthenticatedLimits = { perSource: 100, perMinute: 1_000, maxSources: 4_096 };
/** As fast as 10,000 a minute. */
const STEP_NS = 6_000_000n;
const COUNT = 10_000;
/** What a flood may leave behind: tables that reach their size late. */
const SLACK_BYTES = 24 * 2 ** 20;

const FAILED = new ConnectionTemplate('8.4-invalid-user');
const GOOD = new ConnectionTemplate('8.4-keys');
const SUMMARY = 'ssh.connection.summary';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const oneSource = (): string => '192.0.2.7';
const ownSource = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;

/** A login by key, in the middle of a flood; it has the listener of the flood. */
function neighbourOf(flood: Pick<Flood, 'count' | 'stepNs'>, address: string): string {
  const afterNs = FAILED.firstNs - GOOD.firstNs + (BigInt(flood.count) / 2n) * flood.stepNs;
  return GOOD.told(flood.count + 1, afterNs, address).replaceAll(GOOD.listener, FAILED.listener);
}

interface Outcome {
  readonly spans: SpanRecord[];
  readonly told: Pipeline['counters'];
  /** Heap after each tenth, all garbage collected. */
  readonly heap: number[];
}

function run(flood: Flood, limits: UnauthenticatedLimits = LIMITS): Outcome {
  const options = { hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0', unauthenticated: limits };
  const pipeline = new Pipeline(options);
  const spans = pipeline.push(bytes(FAILED.opening));
  const heap: number[] = [];
  let pieces = 0;
  for (const piece of floodOf(FAILED, flood)) {
    for (const span of pipeline.push(bytes(piece))) spans.push(span);
    if (pieces++ % 10 !== 9 || pieces > flood.count / 100) continue;
    collectGarbage();
    heap.push(process.memoryUsage().heapUsed);
  }
  return { spans: [...spans, ...pipeline.end()], told: pipeline.counters, heap };
}

const byName = (spans: readonly SpanRecord[], name: string) => spans.filter((span) => span.name === name);
const total = (spans: readonly SpanRecord[], attribute: string): number =>
  spans.reduce((sum, { attributes }) => sum + Number(attributes[attribute] ?? 0), 0);

/** Spans of who got in. */
const loginOf = (spans: readonly SpanRecord[]) => spans.filter(({ attributes }) => attributes['user.name'] === 'alice');

/** What was told, in whichever order. */
const outlineOf = (spans: readonly SpanRecord[]): string[] =>
  spans.map((span) => `${span.name} ${span.endNs - span.startNs} ${span.status}`).sort();

/** Each connection is told once, whole or in one summary. */
function assertComplete({ spans, told }: Outcome, count: number): void {
  const summaries = byName(spans, SUMMARY);
  const failed = byName(spans, 'ssh.connection').filter(
    ({ attributes }) => attributes['ssh.auth.result'] === 'rejected',
  );
  const summed = total(summaries, 'ssh.summary.connections');
  assert.equal(failed.length + summed, count);
  assert.deepEqual(told.summarized, { connections: summed, summaries: summaries.length });
  const attempts = total(summaries, 'ssh.auth.attempts') + total(failed, 'ssh.auth.attempts');
  assert.equal(attempts, 2 * count);
  const parents = new Set(spans.map(({ spanId }) => spanId));
  for (const { parentSpanId, name } of spans)
    assert.ok(parentSpanId === undefined || parents.has(parentSpanId), `${name} hangs on nothing`);
  assert.equal(new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`)).size, spans.length);
}

describe('10,000 failed logins in a minute', () => {
  const few = { count: 100, stepNs: STEP_NS, addressOf: oneSource };
  const alone = loginOf(run({ ...few, neighbour: neighbourOf(few, oneSource()) }).spans);

  for (const [name, addressOf] of [
    ['from one source', oneSource],
    ['from 10,000 sources', ownSource],
  ] as const) {
    test(`${name} are told within the budget, the login among them whole, and memory stays flat`, () => {
      const flood = { count: COUNT, stepNs: STEP_NS, addressOf };
      const outcome = run({ ...flood, neighbour: neighbourOf(flood, addressOf(0)) });
      assertComplete(outcome, COUNT);
      const { spans, heap } = outcome;
      const whole = byName(spans, 'ssh.connection').length - 1;
      const perMinute = addressOf === oneSource ? LIMITS.perSource : LIMITS.perMinute;
      // A flood of sixty seconds touches two minutes.
      assert.ok(whole >= perMinute && whole <= 2 * perMinute, `${whole} told whole`);
      const summaries = byName(spans, SUMMARY).length;
      assert.ok(addressOf === oneSource ? summaries === 2 : summaries <= COUNT, `${summaries} summaries`);
      assert.deepEqual(outlineOf(loginOf(spans)), outlineOf(alone));
      assert.ok(alone.length > 10);
      const [early = 0] = heap;
      assert.ok(Math.max(...heap) - early < SLACK_BYTES + 2_000 * spans.length, heap.join(' '));
    });
  }
});

test('the agent tells of a flood by a warning, in metrics and in traces that a back end takes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-flood-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const sink = await OtlpSink.start();
  try {
    const flood = { count: 400, stepNs: STEP_NS, addressOf: (number: number) => `2001:db8:0:7::${number}` };
    const pieces = [...floodOf(FAILED, { ...flood, neighbour: neighbourOf(flood, '2001:db8:0:7::1') })];
    const { stderr } = await runCommandLine(
      ['agent', '--state-dir', folder, '--config', '/dev/null', '--unauthenticated-per-source', '5'],
      {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_METRICS_EXPORTER: 'otlp' },
        stdin: bytes([FAILED.opening, ...pieces].join('')),
      },
    );
    sink.check();
    const summaries = sink.kept.filter(({ name }) => name === SUMMARY);
    const sum = (attribute: string) =>
      summaries.reduce((count, { attributes }) => count + Number(attributes[attribute] ?? 0), 0);
    const told = sink.kept.filter(
      ({ name, attributes }) => name === 'ssh.connection' && attributes['ssh.auth.result'] === 'rejected',
    ).length;
    assert.ok(told === 5 || told === 10, `${told} told one by one`);
    assert.equal(sum('ssh.summary.connections') + told, 400);
    assert.equal(summaries[0]?.attributes['ssh.summary.source'], '2001:db8:0:7::/64');
    assert.equal(summaries[0]?.attributes['client.address'], undefined);
    assert.deepEqual(summaries[0]?.attributes['ssh.summary.users'], ['mallory']);
    const metric = (name: string, ...values: string[]) =>
      sink.metrics
        .filter((each) => each.name === name && values.every((one) => Object.values(each.attributes).includes(one)))
        .reduce((count, each) => count + (each.count ?? each.value), 0);
    assert.equal(metric('sshd_otel.connections.summarized'), 400 - told);
    assert.equal(metric('sshd_otel.summaries'), summaries.length);
    assert.equal(metric('ssh.server.connection.duration', 'rejected'), 400);
    assert.match(stderr, /warning: \d+ connections that never authenticated are told by a summary only/);
    assert.match(stderr, /\d+ connections that never authenticated were told in \d+ summaries/);
    assert.equal(
      sink.kept.some(({ attributes }) => attributes['user.name'] === 'alice'),
      true,
    );
  } finally {
    await sink.close();
  }
});
