import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { Pipeline } from '../../agent/pipeline.ts';
import { EarlierRun, type SavedState } from '../../agent/span/earlier-run.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { BOOT, bytesOf, opening, openingAt, records } from '../helpers/restart-story.ts';

function pipeline(earlier?: EarlierRun): Pipeline {
  return new Pipeline({ hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0', earlier });
}

interface Restarted {
  readonly before: readonly SpanRecord[];
  readonly after: readonly SpanRecord[];
  readonly state: SavedState | undefined;
}

function restartAt(cut: number, planned: boolean): Restarted {
  const first = pipeline();
  const before = [...first.push(bytesOf(opening)), ...first.push(bytesOf(records.slice(0, cut)))];
  let state: SavedState | undefined;
  if (planned) {
    const suspended = first.suspend();
    before.push(...suspended.spans);
    state = deserialize(serialize(suspended.state)) as SavedState;
  }
  const second = pipeline(new EarlierRun(BOOT, state));
  const after = [...second.push(bytesOf(openingAt(cut))), ...second.push(bytesOf(records.slice(cut))), ...second.end()];
  return { before, after, state };
}

const whole = (() => {
  const one = pipeline();
  return [...one.push(bytesOf(opening)), ...one.push(bytesOf(records)), ...one.end()];
})();
const idOf = ({ traceId, spanId }: SpanRecord) => `${traceId}:${spanId}`;
const connectionOf = ({ attributes }: SpanRecord) => attributes['ssh.connection.id'];
const cuts = Array.from({ length: Math.floor(records.length / 7) }, (_unused, i) => i * 7);

function assertNothingTwice({ before, after }: Restarted, cut: number): void {
  const seen = new Map<string, SpanRecord>();
  for (const span of [...before, ...after]) {
    const id = idOf(span);
    assert.ok(!seen.has(id), `cut ${cut}: ${span.name} is told twice under the same id`);
    seen.set(id, span);
  }
}

test('a planned restart at any moment: whoever was in goes on in the same trace, every span is told once, under the id that it would have had', () => {
  let goneOnWith = 0;
  let openSpans = 0;
  for (const cut of cuts) {
    const run = restartAt(cut, true);
    assertNothingTwice(run, cut);
    const saved = new Set(run.state?.ids.map(({ connection }) => `${connection.pid}`));
    goneOnWith += saved.size;
    const told = new Map([...run.before, ...run.after].map((span) => [idOf(span), span]));
    for (const root of whole.filter(({ root }) => root)) {
      if (!saved.has(String(root.attributes['process.pid']))) continue;
      for (const expected of whole.filter((span) => connectionOf(span) === connectionOf(root))) {
        if (expected.name.endsWith('(open)') || expected.attributes['ssh.time.spent_by'] !== undefined) continue;
        const span = told.get(idOf(expected));
        assert.ok(span !== undefined, `cut ${cut}: ${expected.name} of ${connectionOf(root)} is missing`);
        if (run.before.includes(span)) continue;
        openSpans++;
        assert.deepEqual(
          [span.name, span.parentSpanId, span.startNs, span.endNs, span.status],
          [expected.name, expected.parentSpanId, expected.startNs, expected.endNs, expected.status],
          `cut ${cut}: ${expected.name}`,
        );
        for (const name of [
          'user.name',
          'ssh.auth.method',
          'ssh.session.id',
          'process.command_args',
          'process.exit.code',
        ])
          assert.deepEqual(span.attributes[name], expected.attributes[name], `cut ${cut}: ${expected.name} ${name}`);
      }
      const again = told.get(idOf(root));
      assert.equal(again?.attributes['ssh.trace.incomplete'], true, 'what happened meanwhile is not known');
    }
  }
  assert.ok(goneOnWith > 50 && openSpans > 200, `${goneOnWith} connections, ${openSpans} spans`);
});

test('a crash at any moment: nothing is told twice, and what is still open goes on in a trace of its own, linked and marked', () => {
  let own = 0;
  for (const cut of cuts) {
    const run = restartAt(cut, false);
    assertNothingTwice(run, cut);
    const first = new Set(whole.map(({ traceId }) => traceId));
    for (const span of run.after) {
      if (first.has(span.traceId)) continue;
      assert.ok(first.has(String(connectionOf(span))), 'the connection keeps its id');
      if (!span.root) continue;
      own++;
      assert.equal(span.attributes['ssh.trace.incomplete'], true);
      assert.ok(Number(span.attributes['ssh.segment']) > 0);
      assert.equal(span.links[0]?.traceId, connectionOf(span));
    }
    const ids = new Set([...run.after, ...run.before].map(({ spanId }) => spanId));
    for (const span of run.after)
      if (!first.has(span.traceId))
        assert.ok(span.root || ids.has(span.parentSpanId ?? ''), `${span.name} hangs on nothing`);
  }
  assert.ok(own > 50, String(own));
});

test('sessions keep their id over a crash', () => {
  const sessions = new Set(whole.map(({ attributes }) => attributes['ssh.session.id']));
  for (const cut of cuts) {
    const last = BigInt(records[Math.max(0, cut - 1)]?.ts ?? '0');
    for (const { attributes, name, startNs } of restartAt(cut, false).after) {
      const id = attributes['ssh.session.id'];
      if (id === undefined || sessions.has(id)) continue;
      // One that began later is new, and its own.
      assert.ok(startNs > last, `cut ${cut}: ${name}`);
    }
  }
});

test('another boot: nothing is gone on with', () => {
  const { state } = restartAt(cuts[60] ?? 0, true);
  assert.ok(state !== undefined);
  const other = pipeline(new EarlierRun('another boot', { ...state, bootId: 'another boot' }));
  const spans = [...other.push(bytesOf(opening)), ...other.push(bytesOf(records)), ...other.end()];
  assert.deepEqual(spans, whole);
});
