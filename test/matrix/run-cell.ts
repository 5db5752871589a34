/** One cell of the matrix: a scenario on a server, watched by a producer and by witnesses. */
import { readFileSync } from 'node:fs';
import { startLab } from '../../agent/lab/lab.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { startTracing } from '../live/tracing.ts';
import { parseStrace } from '../live/witness/strace.ts';
import { Cast } from './cast.ts';
import { type Comparison, compareFacts, type Fact } from './facts.ts';
import { processTree } from './process-tree.ts';
import type { Scenario } from './scenario.ts';
import type { Server } from './servers.ts';
import { toldFacts } from './told-facts.ts';
import { witnessFacts } from './witness-facts.ts';

export const PRODUCER_MODES = ['libbpf', 'libbpf-exact', 'bpftrace'] as const;
export type ProducerMode = (typeof PRODUCER_MODES)[number];

export interface Cell {
  readonly comparison: Comparison;
  readonly expected: readonly Fact[];
  readonly told: readonly Fact[];
  readonly spans: readonly SpanRecord[];
  readonly stream: Buffer;
}

const DEFAULT_GRACE_MS = 120_000;

/** Plays a scenario. @throws Error if a client did not behave as told, or if witnesses contradict each other */
export async function runCell(server: Server, scenario: Scenario, mode: ProducerMode): Promise<Cell> {
  const lab = await startLab({ ...scenario.lab, root: server.root, strace: true });
  try {
    const tracing = await startTracing(lab, mode === 'bpftrace' ? 'bpftrace' : 'libbpf', noRedaction, {
      exact: mode === 'libbpf-exact',
    });
    const cast = new Cast(lab);
    try {
      await scenario.play(cast);
      await lab.settled(60_000);
    } finally {
      await tracing.stop();
    }
    const tree = processTree(parseStrace(await lab.straceOutput()), (file) => shebang(`${lab.insideRoot}${file}`));
    const keys = Object.values(lab.keys);
    const expected = witnessFacts({
      ...{ parts: cast.parts, log: lab.log(), tree, family: server.family, keysCommand: 'authorized-keys' },
      keyOf: (path) => keys.find((key) => key.path === path),
      graceMs: scenario.graceMs ?? DEFAULT_GRACE_MS,
      pam: scenario.lab?.config?.['UsePAM'] !== 'no',
      exact: mode === 'libbpf-exact',
    });
    const told = toldFacts(tracing.spans);
    const comparison = compareFacts(expected, told);
    return { comparison, expected, told, spans: tracing.spans, stream: tracing.stream() };
  } finally {
    await lab.stop();
  }
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
