/** One cell of the matrix: a scenario on a server, watched by a producer and by witnesses. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Lab, type LabOptions, startLab } from '../../agent/lab/lab.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { parseStrace } from '../live/witness/strace.ts';
import { FILE_CALLS } from '../live/witness/strace-files.ts';
import { Cast } from './cast.ts';
import { type Comparison, compareFacts, type Fact } from './facts.ts';
import { type ProcessTree, processTree, type TreeProcess } from './process-tree.ts';
import type { Scenario } from './scenario.ts';
import type { Server } from './servers.ts';
import { toldFacts } from './told-facts.ts';
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
  const options: LabOptions = { ...scenario.lab, ...(await scenario.prepare?.(folder)) };
  const lab = await startLab({ ...options, root: server.root, strace: scenario.files === true ? FILE_CALLS : true });
  try {
    const watch = await watcher(lab);
    const cast = new Cast(lab, folder);
    const played = (async () => {
      await scenario.play(cast);
      await lab.settled(60_000);
    })();
    const { spans, stream, alone } = await played.then(
      () => watch.finish([...lab.ports, ...cast.morePorts]),
      async (error: unknown) => {
        await watch.finish([]);
        throw error;
      },
    );
    const tree = await wholeTree(lab);
    const expected = witnessFacts({
      ...{
        parts: cast.parts,
        log: lab.log(),
        tree,
        family: server.family,
        keysCommand: scenario.keysCommand ?? 'authorized-keys',
      },
      keyOf: (path) => cast.unnamedKeys.find((key) => key.path === path),
      graceMs: scenario.graceMs ?? DEFAULT_GRACE_MS,
      pam: options.config?.['UsePAM'] !== 'no',
      tellsLog: mode !== 'bpftrace',
      exact: mode === 'libbpf-exact',
    });
    const told = toldFacts(spans);
    const comparison = compareFacts(expected, told);
    return { comparison, expected, told, spans, stream, alone };
  } finally {
    await lab.stop();
  }
}

/** strace hears of the last exits a moment after everybody else. @throws Error if it still does not after 5 s */
async function wholeTree(lab: Lab): Promise<ProcessTree> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const tree = processTree(parseStrace(await lab.straceOutput()), (file) => shebang(`${lab.insideRoot}${file}`));
    if (tree.connections.every((one) => hasEnded(one.monitor))) return tree;
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
