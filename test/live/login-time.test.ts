/** Where a login's time goes: each culprit under its own name, to 20 ms, and hardly anything left unexplained. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Lab, type LabOptions, startLab } from '../../agent/lab/lab.ts';
import { ATTR } from '../../agent/span/attributes.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { isProgram } from './comparator.ts';
import { PRODUCERS, type ProducerName, startTracing, type Tracing, whyNotLive } from './tracing.ts';

const TOLERANCE_MS = 20;
/** A busy host makes any process late: what is systematically wrong is wrong three times. */
const TRIES = 3;

/** Spans that only hold others together. */
const CONTAINERS = new Set(['ssh.connection', 'ssh.handshake', 'ssh.auth', 'ssh.session.setup', 'ssh.session']);

/**
 * A script that takes `seconds` and writes into `/run/lab/NAME.times` when it began and when it ended, µs of Unix time. By
 * a builtin: starting a program for it takes time of its own.
 */
const slow = (name: string, seconds: number, body = '') => `#!/bin/bash
[ "$PAM_TYPE" != close_session ] || exit 0
began=\${EPOCHREALTIME/./}
sleep ${seconds}
${body}
{ echo "$began \${EPOCHREALTIME/./}" >> /run/lab/${name}.times; } 2> /dev/null || :
`;

for (const producer of PRODUCERS) {
  describe(`the time of a login, traced by ${producer}`, { skip: whyNotLive(producer), timeout: 120_000 }, () => {
    it('shows a client that waits for a second as the client', async () => {
      await withLogin(producer, {}, { user: 'bob', thinkSeconds: 1 }, async (spans, lab) => {
        const waits = named(spans, 'ssh.auth.wait').filter((span) => milliseconds(span) > 500);
        assert.equal(waits.length, 1);
        const [wait] = waits;
        assert.equal(wait?.attributes[ATTR.spentBy], 'client');
        const times = readdirSync(lab.folder).filter((name) => name.endsWith('.times'));
        assert.equal(times.length, 1);
        assertSame(wait, timesIn(join(lab.folder, times[0] ?? ''))[0]);
        assertAccounted(spans);
      });
    });

    // auth2.c `ensure_minimum_time_since`: after a failed request the net child sleeps, as long as the request took at most.
    it('tells the pause that sshd makes after a failure from a client that waits after it', async () => {
      for (const thinkSeconds of [0, 1])
        await withLogin(producer, {}, { user: 'bob', wrong: true, thinkSeconds }, async (spans) => {
          const [attempt] = named(spans, 'ssh.auth.attempt');
          const after = spans.filter((span) => attempt !== undefined && span.startNs >= attempt.endNs);
          const [delay] = named(after, 'ssh.auth.reply_delay');
          const waits = named(after, 'ssh.auth.wait').reduce((sum, span) => sum + milliseconds(span), 0);
          if (named(after, 'ssh.auth.gap').length > 0) {
            // On a busy host the pause cannot be worked out: then nobody is said to have taken the time.
            assert.equal(waits, 0);
          } else {
            assert.equal(delay?.attributes[ATTR.spentBy], 'server');
            // It is worked out from a pause hundreds of times shorter, so what blurs that one blurs it as much.
            const tolerance = TOLERANCE_MS + milliseconds(attempt) * 0.05;
            assertWithin(waits, thinkSeconds * 1000 - tolerance, thinkSeconds * 1000 + tolerance);
          }
          assertAccounted(spans);
        });
    });

    it('shows a slow PAM module as what ran in it, before and after the user was let in', async () => {
      const lab: LabOptions = {
        pam: [
          'auth optional pam_exec.so quiet /run/lab/slow-auth',
          'session optional pam_exec.so quiet /run/lab/slow-session',
        ],
        files: { 'slow-auth': slow('auth', 1), 'slow-session': slow('session', 1) },
      };
      await withLogin(producer, lab, { user: 'bob' }, async (spans, place) => {
        const [attempt] = named(spans, 'ssh.auth.attempt');
        const auth = named(spans, 'ssh.auth.helper').filter((span) => milliseconds(span) > 500);
        assert.equal(auth.length, 1);
        assert.equal(auth[0]?.parentSpanId, attempt?.spanId, 'it runs inside the attempt that it holds up');
        assertSame(auth[0], timesOf(place, 'auth')[0]);
        const setup = named(spans, 'ssh.setup.helper').filter((span) => milliseconds(span) > 500);
        assert.equal(setup.length, 1);
        assertSame(setup[0], timesOf(place, 'session')[0]);
        assertAccounted(spans);
      });
    });

    it('shows each run of a slow AuthorizedKeysCommand', async () => {
      const config = { AuthorizedKeysCommand: '/run/lab/slow-keys %u', AuthorizedKeysCommandUser: 'root' };
      const files = { 'slow-keys': slow('keys', 0.4, 'cat "/run/lab/keys/$1"') };
      await withLogin(producer, { config, files }, { user: 'alice', key: true }, async (spans, place) => {
        const runs = named(spans, 'ssh.authorized_keys_command');
        const times = timesOf(place, 'keys');
        assert.equal(runs.length, 2, 'once for the question, once for the signature');
        assert.equal(times.length, 2);
        for (const [index, run] of runs.entries()) assertSame(run, times[index]);
        const root = spans.find((span) => span.root);
        const total = runs.reduce((sum, run) => sum + milliseconds(run), 0);
        assertWithin(Number(root?.attributes[ATTR.loginKeysCommandTime]) * 1000, total - 1, total + 1);
        assertAccounted(spans);
      });
    });
  });
}

async function withLogin(...args: Parameters<typeof login>): Promise<void> {
  for (let attempt = 1; attempt < TRIES; attempt++) {
    const failure = await login(...args).catch((error: unknown) => error);
    if (failure === undefined) return;
    if (!(failure instanceof assert.AssertionError)) throw failure;
  }
  await login(...args);
}

async function login(
  producer: ProducerName,
  labOptions: LabOptions,
  who: {
    readonly user: 'alice' | 'bob';
    readonly key?: boolean;
    readonly wrong?: boolean;
    readonly thinkSeconds?: number;
  },
  check: (spans: readonly SpanRecord[], lab: Lab) => Promise<void>,
): Promise<void> {
  const lab = await startLab(labOptions);
  let tracing: Tracing | undefined;
  try {
    tracing = await startTracing(lab, producer);
    const right = lab.users[who.user].password ?? '';
    const passwords = who.key === true ? undefined : who.wrong === true ? ['wrong', right] : [right];
    const run = await lab.ssh({ user: who.user, passwords, thinkSeconds: who.thinkSeconds, command: '/bin/true' });
    assert.equal(run.exitCode, 0, run.stderr);
    const [spans = []] = await tracing.traces(1);
    await check(spans, lab);
  } finally {
    await tracing?.stop();
    await lab.stop();
  }
}

const named = (spans: readonly SpanRecord[], name: string) =>
  spans.filter((span) => span.name === name).sort((a, b) => Number(a.startNs - b.startNs));

function milliseconds(span: SpanRecord | undefined): number {
  assert.ok(span);
  return Number(span.endNs - span.startNs) / 1e6;
}

const timesOf = (lab: Lab, name: string) => timesIn(`${lab.insideRoot}/run/lab/${name}.times`);

/** Durations that a script measured of itself, ms. */
function timesIn(path: string): number[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [began = '0', ended = '0'] = line.split(' ');
    return Number(BigInt(ended) - BigInt(began)) / 1e3;
  });
}

/** The script cannot see its own start and end: the span is a little longer, never shorter. */
function assertSame(span: SpanRecord | undefined, measuredMs: number | undefined): void {
  assert.ok(measuredMs !== undefined && measuredMs > 300, `the script measured ${measuredMs} ms`);
  assertWithin(milliseconds(span), measuredMs, measuredMs + TOLERANCE_MS);
}

function assertWithin(value: number, least: number, most: number): void {
  assert.ok(value >= least && value <= most, `${value} is not within ${least} and ${most}`);
}

/** At least 95 % of accept to the first program lies in leaves, and each says who it was spent by. */
function assertAccounted(spans: readonly SpanRecord[]): void {
  const root = spans.find((span) => span.root);
  const session = spans.find((span) => span.name === 'ssh.session');
  const [first] = spans
    .filter((span) => isProgram(span) && span.parentSpanId === session?.spanId)
    .sort((a, b) => Number(a.startNs - b.startNs));
  assert.ok(root && first);
  const leaves = spans
    .filter((span) => !CONTAINERS.has(span.name) && span.startNs < first.startNs)
    .sort((a, b) => Number(a.startNs - b.startNs));
  const covered = coveredNs(leaves, root.startNs, first.startNs);
  const share = Number(covered) / Number(first.startNs - root.startNs);
  assert.ok(share >= 0.95, `${(share * 100).toFixed(1)} % of the login lies in leaves`);
  const owners = leaves.filter((leaf) => leaf.attributes[ATTR.spentBy] !== undefined);
  assert.ok(owners.length >= 5);
}

/** How much of `from`..`to` lies in one of the spans, which are in order of their starts. */
function coveredNs(spans: readonly SpanRecord[], from: bigint, to: bigint): bigint {
  let covered = 0n;
  let reached = from;
  for (const span of spans) {
    const [start = from] = [span.startNs, reached].sort((a, b) => Number(b - a));
    const [end = to] = [span.endNs, to].sort((a, b) => Number(a - b));
    if (end <= start) continue;
    covered += end - start;
    reached = end;
  }
  return covered;
}
