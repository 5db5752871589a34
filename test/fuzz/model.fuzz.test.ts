/**
 * Streams that a grammar makes: up to 20 connections of all families at once, whole, and with records lost, doubled and
 * shuffled. The invariants of `agent/sshd/sshd-model.ts` must hold for each. `FUZZ_SECONDS` sets how long (default 5); a
 * failing case is printed as a seed and saved as a stream.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeEvent } from '../../agent/decode/encode-event.ts';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { Pipeline } from '../../agent/pipeline.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { cutStream, seeded } from '../helpers/cut-stream.ts';
import { refText, type Told, tell } from '../helpers/model.ts';
import { ConnectionWriter } from './connection-grammar.ts';
import { type ConnectionStory, connectionStory } from './connection-story.ts';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 9);
const LISTENER = { pid: 7, startNs: 7n };
const stories = fc.array(connectionStory, { minLength: 1, maxLength: 20 });

interface Made {
  readonly events: KernelEvent[];
  readonly writers: readonly ConnectionWriter[];
}

function make(list: readonly ConnectionStory[]): Made {
  let pid = 1000;
  const writers = list.map((story) => new ConnectionWriter(story, LISTENER, () => ++pid));
  const events = writers.flatMap((w) => w.events).sort((a, b) => Number(a.tsNs - b.tsNs));
  return { events: [hello(), clock(1_000_000_000n), ...events], writers };
}

const hello = (): KernelEvent => ({
  kind: 'hello',
  tsNs: 1n,
  version: 1,
  producer: 'converted',
  producerVersion: '1',
  hooks: [],
  fills: ['seq'],
});
const clock = (tsNs: bigint): KernelEvent => ({ kind: 'clock', tsNs, wallNs: tsNs + 1_700_000_000_000_000_000n });

/** Lines as a producer with record numbers writes them, two CPUs in turn. */
function lines(events: readonly KernelEvent[]): string[] {
  const next = [0, 0];
  return events.flatMap((event, i) => {
    const text = encodeEvent(event).trimEnd().split('\n');
    if (event.kind === 'hello' || event.kind === 'clock') return text;
    const cpu = i % 2;
    return text.map((line) => {
      const seq = next[cpu] ?? 0;
      next[cpu] = seq + 1;
      return JSON.stringify({ ...JSON.parse(line), cpu, seq });
    });
  });
}

const COVERED = {
  roles: new Set<string>(),
  reasons: new Set<string>(),
  results: new Set<string>(),
  families: new Set<string>(),
};

/** The invariants; `whole`: nothing was lost, so nothing may be marked or left. */
function check(told: Told, made: Made, whole: boolean): void {
  const owner = new Map<string, number>(
    made.writers.flatMap((w) => w.processes.map((p): [string, number] => [`${p.pid}`, w.monitor.pid])),
  );
  for (const c of told.connections) {
    assert.ok(c.closed, 'every connection is closed');
    const refs = new Set(['connection', ...c.activities.map((a) => refText(a.ref))]);
    assert.equal(refs.size, c.activities.length + 1, 'a ref is told once');
    for (const a of c.activities) {
      assert.ok(refs.has(refText(a.parent)), `${refText(a.ref)} has its parent ${refText(a.parent)}`);
      assert.ok(a.endNs >= a.startNs, `${refText(a.ref)} ends after it starts`);
      if (a.kind === 'program' || a.kind === 'helper') {
        assert.equal(owner.get(String(a.program.process.pid)), c.facts.id.pid, 'no fact crosses connections');
      }
      if (a.kind === 'attempt' && a.result !== undefined) COVERED.results.add(a.result);
    }
    if (c.facts.disconnectReason !== undefined) COVERED.reasons.add(c.facts.disconnectReason);
    if (c.facts.family !== undefined) COVERED.families.add(c.facts.family);
    if (whole)
      assert.deepEqual(
        [...c.facts.incomplete].filter((r) => r !== 'phase_signal_missing'),
        [],
      );
  }
  if (whole) {
    assert.equal(told.connections.length, made.writers.length);
    assert.deepEqual(told.left, { connections: 0, processes: 0 }, 'open state is zero when all processes have exited');
  }
}

/** The truth of a story against what was told of it. */
function checkStory(told: Told, made: Made, list: readonly ConnectionStory[]): void {
  list.forEach((story, i) => {
    const c = told.connections.find((t) => t.facts.id.pid === made.writers[i]?.monitor.pid);
    assert.ok(c);
    const inside = story.reach === 'auth' && story.login && story.validUser && !story.accountDenied;
    assert.equal(c.facts.authenticated, inside, 'in or not');
    assert.equal(c.facts.sessions, inside ? story.sessions.length : 0, 'sessions');
    if (story.family !== 'D' && (story.reach === 'user' || story.reach === 'auth')) {
      assert.deepEqual(c.facts.user?.name, story.user);
      assert.equal(c.facts.userValid, story.validUser);
    }
  });
}

/** What was tried last, to be saved if it fails. */
let tried: readonly string[] = [];

function spansHold(stream: readonly string[]): void {
  tried = stream;
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: createRedactor(), agentVersion: '0' });
  const spans = [...pipeline.push(new TextEncoder().encode(`${stream.join('\n')}\n`)), ...pipeline.end()];
  const ids = new Set(spans.map((s) => `${s.traceId} ${s.spanId}`));
  assert.equal(ids.size, spans.length, 'span ids are unique');
  const roots = new Map<string, number>();
  for (const span of spans) {
    if (span.parentSpanId === undefined) roots.set(span.traceId, (roots.get(span.traceId) ?? 0) + 1);
    else assert.ok(ids.has(`${span.traceId} ${span.parentSpanId}`), `${span.name} has its parent`);
  }
  for (const span of spans) assert.equal(roots.get(span.traceId), 1, 'one root a trace');
}

function run(what: string, property: (list: readonly ConnectionStory[], seed: number) => void): void {
  test(what, (t) => {
    let runs = 0;
    fc.assert(
      fc.property(stories, fc.nat(), (list, seed) => {
        runs++;
        try {
          property(list, seed);
        } catch (error) {
          save();
          throw error;
        }
      }),
      { interruptAfterTimeLimit: (SECONDS * 1000) / 3, numRuns: 1_000_000, markInterruptAsFailure: false },
    );
    assert.ok(runs > 3);
    t.diagnostic(`${runs} streams`);
  });
}

function save(): void {
  const dir = mkdtempSync(join(tmpdir(), 'sshd-otel-fuzz-'));
  writeFileSync(join(dir, 'case.ndjson'), `${tried.join('\n')}\n`);
}

run('whole streams: the invariants hold, and each story is told as it was', (list) => {
  const made = make(list);
  tried = lines(made.events);
  const told = tell(made.events);
  check(told, made, true);
  checkStory(told, made, list);
  spansHold(tried);
});

run('streams with records lost: the invariants hold', (list, seed) => {
  const made = make(list);
  const cut = cutStream(lines(made.events), [0.02, 0.2, 0.6][seed % 3] ?? 0.1, seed);
  spansHold(new TextDecoder().decode(cut.bytes).trimEnd().split('\n'));
});

run('streams shuffled beyond the reorder window and doubled: the invariants hold', (list, seed) => {
  const random = seeded(seed);
  const all = lines(make(list).events);
  const [head, body] = [all.slice(0, 2), all.slice(2)];
  const mixed = body
    .flatMap((line, i) =>
      random() < 0.1
        ? [
            { line, i },
            { line, i: i + random() * 400 },
          ]
        : [{ line, i: i + random() * 200 }],
    )
    .sort((a, b) => a.i - b.i)
    .map((x) => x.line);
  spansHold([...head, ...mixed]);
});

test('the grammar reaches every family, result and kind of end', (t) => {
  // Always the same streams, so that a slow machine reaches as much as a quick one.
  for (const list of fc.sample(stories, { numRuns: 200, seed: 9 })) {
    const made = make(list);
    check(tell(made.events), made, true);
  }
  t.diagnostic(`families ${[...COVERED.families].sort()}`);
  t.diagnostic(`results ${[...COVERED.results].sort()}`);
  t.diagnostic(`reasons ${[...COVERED.reasons].sort()}`);
  assert.deepEqual([...COVERED.families].sort(), ['A', 'B', 'C', 'D']);
  for (const result of ['acceptable', 'accepted', 'partial', 'rejected', 'bad_signature', 'denied'])
    assert.ok(COVERED.results.has(result), result);
  for (const reason of [
    'scan',
    'no_attempt',
    'auth_failed',
    'grace_time',
    'refused',
    'account_denied',
    'server_crash',
    'killed',
    'client_vanished',
  ]) {
    assert.ok(COVERED.reasons.has(reason), reason);
  }
});
