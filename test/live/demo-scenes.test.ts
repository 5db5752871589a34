/** The demo's scenes, for real: what the spans say against the client's transcript, sshd's own log, and strace. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ClientRun } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { ARGUMENT_SECRET, SCENES } from '../../agent/lab/scenes.ts';
import { ATTR } from '../../agent/span/attributes.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { noRedaction, type Redactor } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import {
  attemptsOfLog,
  attemptsOfSpans,
  attemptsOfTranscript,
  difference,
  programsOfSpans,
  programsOfStrace,
} from './comparator.ts';
import { PRODUCERS, type ProducerName, startTracing, whyNotLive } from './tracing.ts';
import { parseTranscript } from './witness/client-transcript.ts';
import { parseServerLog } from './witness/server-log.ts';
import { parseStrace } from './witness/strace.ts';

const NOTHING = { missing: [], extra: [] };

async function withLab<T>(strace: boolean, use: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await startLab({ strace });
  try {
    return await use(lab);
  } finally {
    await lab.stop();
  }
}

function sceneOf(name: string) {
  const scene = SCENES.find((one) => one.name === name);
  assert.ok(scene, name);
  return scene;
}

/** First line of a script; undefined for what is none. */
function shebang(path: string): string | undefined {
  const head = readFileSync(path).subarray(0, 256).toString('latin1');
  return head.startsWith('#!') ? head.split('\n')[0] : undefined;
}

const rootOf = (spans: readonly SpanRecord[]) => spans.find((span) => span.root);

for (const producer of PRODUCERS) {
  const skip = whyNotLive(producer);
  describe(`the demo's scenes, traced by ${producer}`, { skip, timeout: 240_000 }, () => {
    for (const scene of SCENES)
      it(`${scene.name}: ${scene.story}`, () => withLab(true, (lab) => checkScene(lab, producer, scene.name)));

    it('draws no secret that stood in an argument, and says that it took one out', () =>
      withLab(false, async (lab) => {
        const spans = await traceScene(lab, producer, 'password', createRedactor());
        const told = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? String(value) : value));
        assert.ok(told.includes('printenv'), 'the command itself is there');
        assert.equal(told.includes(ARGUMENT_SECRET), false);
        assert.ok(spans.some((span) => span.attributes[ATTR.redactions] === 1));
      }));
  });
}

/** Plays a scene, which is one connection; resolves with all its spans. */
async function traceScene(
  lab: Lab,
  producer: ProducerName,
  name: string,
  redactor: Redactor,
): Promise<readonly SpanRecord[]> {
  const tracing = await startTracing(lab, producer, redactor);
  try {
    runs.set(lab, await sceneOf(name).play(lab));
    const traces = await tracing.traces(1);
    await lab.settled();
    assert.equal(traces.length, 1, 'one connection, one trace');
  } finally {
    await tracing.stop();
  }
  return tracing.spans;
}

/** What the clients of a laboratory saw. */
const runs = new WeakMap<Lab, readonly ClientRun[]>();

async function checkScene(lab: Lab, producer: ProducerName, name: string): Promise<void> {
  const spans = await traceScene(lab, producer, name, noRedaction);
  const root = rootOf(spans);
  assert.ok(root);
  assert.equal(root.attributes[ATTR.incomplete], undefined, 'the trace is whole');

  const [logged, ...others] = parseServerLog(lab.log());
  assert.ok(logged);
  assert.deepEqual(others, [], 'sshd logged one connection');
  assert.equal(root.attributes[ATTR.clientPort], logged.peerPort);
  assert.equal(root.attributes[ATTR.userName], logged.user);
  assert.deepEqual(
    difference(attemptsOfLog(logged), attemptsOfSpans(spans)),
    NOTHING,
    "attempts, as sshd's log has them",
  );
  const sessions = spans.filter((span) => span.name === 'ssh.session');
  assert.equal(sessions.length, logged.sessions.length, "sessions, as sshd's log has them");

  const firstLine = (file: string) => shebang(`${lab.insideRoot}${file}`);
  const programs = programsOfStrace(parseStrace(await lab.straceOutput()), logged.monitorPid, firstLine);
  assert.deepEqual(difference(programs, programsOfSpans(spans)), NOTHING, 'programs, as strace saw them');

  const clients = runs.get(lab) ?? [];
  const [first] = clients;
  if (first === undefined) {
    assert.equal(root.attributes[ATTR.disconnectReason], 'scan');
    return;
  }
  const transcript = parseTranscript(first.stderr);
  assert.deepEqual(attemptsOfSpans(spans), attemptsOfTranscript(transcript), 'attempts, as the client made them');
  assert.equal(root.attributes[ATTR.authMethod], transcript.authenticatedWith);
  const statuses = clients.map((run) => run.exitCode).filter(() => transcript.authenticatedWith !== undefined);
  assert.deepEqual(
    sessions.map((span) => span.attributes[ATTR.exitCode]).sort(),
    statuses.sort(),
    'exit statuses, as the clients were told them',
  );
}
