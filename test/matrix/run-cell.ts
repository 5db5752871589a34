/** One cell of the matrix: a scenario on a server, watched by a producer and by witnesses. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Lab, type LabOptions, startLab } from '../../agent/lab/lab.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { parseStrace, type StraceFact } from '../live/witness/strace.ts';
import { FILE_CALLS } from '../live/witness/strace-files.ts';
import { Cast } from './cast.ts';
import { withHostPids } from './container.ts';
import { type Comparison, compareFacts, type Fact } from './facts.ts';
import { type ProcessTree, processTree, type TreeProcess } from './process-tree.ts';
import type { Scenario } from './scenario.ts';
import type { Server } from './servers.ts';
import { toldFacts } from './told-facts.ts';
import { checkTwins, toldWithoutStrace, unstracedFacts } from './twin.ts';
import { ownWatcher, type ProducerMode, type Watcher } from './watcher.ts';
import { witnessFacts } from './witness-facts.ts';

export interface Cell {
  readonly comparison: Comparison;
  readonly expected: readonly Fact[];
  readonly told: readonly Fact[];
  readonly spans: readonly SpanRecord[];
  readonly stream: Buffer;
  /** The stream tells of nothing but this cell. */
  readonly alone: boolean;
}

const DEFAULT_GRACE_MS = 120_000;
/** Of the laboratory. */
const DEFAULT_KEYS_SECONDS = 0.4;

/**
 * Plays a scenario.
 * @param watcher who watches instead of a producer that sees this cell alone
 * @throws Error if a client did not behave as told, or if witnesses contradict each other
 */
export async function runCell(
  server: Server,
  scenario: Scenario,
  mode: ProducerMode,
  watcher: Watcher = ownWatcher(mode, scenario.wholeHost),
): Promise<Cell> {
  const folder = await mkdtemp(join(tmpdir(), 'sshd-otel-matrix-'));
  try {
    return await runIn(folder, server, scenario, mode, watcher);
  } finally {
    await scenario.cleanUp?.(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  server: Server,
  scenario: Scenario,
  mode: ProducerMode,
  watcher: Watcher,
): Promise<Cell> {
  const { twin, unstraced } = scenario;
  const said = twin === undefined ? undefined : await witnessTwin(folder, server, twin, mode);
  const options: LabOptions = { ...scenario.lab, ...(await scenario.prepare?.(folder)) };
  const strace = scenario.files === true ? FILE_CALLS : unstraced !== true;
  const lab = await startLab({ ...options, root: server.root, strace });
  try {
    const watch = await watcher(lab);
    const cast = new Cast(lab, folder);
    const { spans, stream, alone, settledMs } = await playIn(cast, scenario).then(
      async (endMs) => ({ ...(await watch.finish([...lab.ports, ...cast.morePorts])), settledMs: endMs }),
      async (error: unknown) => {
        await watch.finish([]);
        throw error;
      },
    );
    const keysSeconds = options.authorizedKeysSeconds ?? DEFAULT_KEYS_SECONDS;
    const expected =
      unstraced === true
        ? unstracedFacts({ parts: cast.parts, log: lab.log(), folder: lab.folder, keysSeconds, settledMs })
        : await witnessed(cast, server, scenario, options, mode);
    if (said !== undefined) checkTwins(expected, said);
    const told = unstraced === true ? toldWithoutStrace(spans, expected) : toldFacts(spans);
    const comparison = compareFacts(expected, told);
    return { comparison, expected, told, spans, stream, alone };
  } finally {
    await lab.stop();
  }
}

/** Resolves when nobody is left in the laboratory, with the time of it, ms of Unix time. */
async function playIn(cast: Cast, scenario: Scenario): Promise<number> {
  await scenario.play(cast);
  await cast.lab.settled(60_000);
  return Date.now();
}

/** What witnesses say of another run of the story, which nobody traces. */
async function witnessTwin(folder: string, server: Server, twin: Scenario, mode: ProducerMode): Promise<Fact[]> {
  const options: LabOptions = { ...twin.lab, ...(await twin.prepare?.(folder)) };
  const lab = await startLab({ ...options, root: server.root, strace: true });
  try {
    const cast = new Cast(lab, folder);
    await playIn(cast, twin);
    return await witnessed(cast, server, twin, options, mode);
  } finally {
    await lab.stop();
  }
}

async function witnessed(
  cast: Cast,
  server: Server,
  scenario: Scenario,
  options: LabOptions,
  mode: ProducerMode,
): Promise<Fact[]> {
  const { lab, parts, container } = cast;
  const strace = await wholeStrace(lab);
  return witnessFacts({
    ...{ parts, container, log: withHostPids(lab.log(), strace.facts), tree: strace.tree, family: server.family },
    keysCommand: scenario.keysCommand ?? 'authorized-keys',
    keyOf: (path) => cast.unnamedKeys.find((key) => key.path === path),
    graceMs: scenario.graceMs ?? DEFAULT_GRACE_MS,
    pam: options.config?.['UsePAM'] !== 'no',
    tellsLog: mode !== 'bpftrace',
    exact: mode === 'libbpf-exact',
  });
}

/** strace hears of the last exits a moment after everybody else. @throws Error if it still does not after 5 s */
async function wholeStrace(lab: Lab): Promise<{ readonly facts: readonly StraceFact[]; readonly tree: ProcessTree }> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const facts = parseStrace(await lab.straceOutput());
    const tree = processTree(facts, (file) => shebang(`${lab.insideRoot}${file}`));
    if (tree.connections.every((one) => hasEnded(one.monitor))) return { facts, tree };
    if (performance.now() > deadline) throw new Error('strace did not see every process end');
    await setTimeout(20);
  }
}

function hasEnded(process: TreeProcess): boolean {
  if (process.end === undefined) return false;
  // The children of a server of its own are other connections.
  return process.listenMs !== undefined || process.children.every(hasEnded);
}

/** First line of a script; undefined for what is none, or is gone. */
function shebang(path: string): string | undefined {
  try {
    const head = readFileSync(path).subarray(0, 256).toString('latin1');
    return head.startsWith('#!') ? head.split('\n')[0] : undefined;
  } catch {
    return undefined;
  }
}
