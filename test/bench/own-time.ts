/** What the BPF programs of a tool take of each exec, by the kernel's own clock: other work on the machine doesn't blur it. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { sum } from './figures.ts';
import { attach, type Site, type Tool } from './tools.ts';
import { type ProgramTime, programTimes } from './usage.ts';
import type { Bench, Workload } from './workload.ts';

export interface OwnTime {
  /** ns of all programs during one fork + exec + exit. */
  readonly outsideNs: number;
  readonly insideNs: number;
  /** ns during one 5-byte send on a unix socket. */
  readonly sendNs: number;
  /** How often programs ran during one `write` to /dev/null: 0 means that it is not touched. */
  readonly runsPerWrite: number;
  /** By program: ns of one run outside and inside a session. */
  readonly programs: readonly { readonly name: string; readonly outsideNs: number; readonly insideNs: number }[];
}

/** What ran during one kind of work. */
interface Run {
  readonly times: Map<number, ProgramTime>;
  ms: number;
}

const NEVER: ProgramTime = { runs: 0, ns: 0 };

/** In so many turns of each kind of work, so that bursts of others fall on all kinds alike. */
const TURNS = 5;
const EXECS_A_TURN = 120;
const EXECS = TURNS * EXECS_A_TURN;
const CALLS = 20_000;

/** Attaches the tool and lets the kernel measure its programs, one kind of work after the other. */
export async function ownTime(bench: Bench, tool: Tool, site: Site): Promise<OwnTime> {
  const attached = await attach(tool, site);
  const off = await bench.statistics();
  try {
    /** Lets `work` happen, and adds what ran meanwhile to `run`. */
    const during = async (run: Run, work: () => Promise<unknown>): Promise<void> => {
      const before = programTimes(attached.pid);
      const startMs = performance.now();
      await work();
      add(run, before, programTimes(attached.pid));
      run.ms += performance.now() - startMs;
    };
    const execs = (workload: Workload) => () => workload.ask(`exec ${EXECS_A_TURN} ${workload.target} own`);
    const [idle, outside, inside, writes, pairs] = [newRun(), newRun(), newRun(), newRun(), newRun()];
    for (let turn = 0; turn < TURNS; turn++) {
      await during(idle, () => sleep(150));
      await during(outside, execs(bench.outside));
      await during(inside, execs(bench.inside));
      await during(writes, () => bench.outside.ask(`write ${CALLS / TURNS} 1`));
      await during(pairs, () => bench.outside.ask(`pair ${CALLS / TURNS} 1`));
    }

    const programs = [...outside.times.keys()].map((id) => {
      const foreign = mean(outside.times.get(id));
      // Others ran it meanwhile, too, at the price of what is foreign.
      const runs = inside.times.get(id)?.runs ?? 0;
      const each = perPiece(inside, idle, id, EXECS);
      const others = Math.max(0, runs - each * EXECS);
      const own = each === 0 ? 0 : ((inside.times.get(id)?.ns ?? 0) - others * foreign) / EXECS;
      return { name: nameOf(id), outsideNs: foreign * perPiece(outside, idle, id, EXECS), insideNs: own };
    });
    return {
      outsideNs: sum(programs.map((one) => one.outsideNs)),
      insideNs: sum(programs.map((one) => one.insideNs)),
      sendNs: sum([...pairs.times].map(([id, time]) => (mean(time) * perPiece(pairs, idle, id, CALLS)) / 2)),
      runsPerWrite: sum([...writes.times.keys()].map((id) => perPiece(writes, idle, id, CALLS))),
      programs,
    };
  } finally {
    await off();
    await attached.detach([]);
  }
}

/** How often a program ran for each of `count` pieces of work: a whole number, for the rest is others' work. */
function perPiece(run: Run, idle: Run, id: number, count: number): number {
  const others = (idle.times.get(id)?.runs ?? 0) * (run.ms / idle.ms);
  return Math.max(0, Math.round(((run.times.get(id)?.runs ?? 0) - others) / count));
}

function mean(time: ProgramTime | undefined): number {
  return time === undefined || time.runs === 0 ? 0 : time.ns / time.runs;
}

function newRun(): Run {
  return { times: new Map(), ms: 0 };
}

function add(run: Run, before: ReadonlyMap<number, ProgramTime>, after: ReadonlyMap<number, ProgramTime>): void {
  for (const [id, { runs, ns }] of after) {
    const [from, so] = [before.get(id) ?? NEVER, run.times.get(id) ?? NEVER];
    run.times.set(id, { runs: so.runs + runs - from.runs, ns: so.ns + ns - from.ns });
  }
}

function nameOf(id: number): string {
  try {
    const shown: { name?: string } = JSON.parse(
      execFileSync('bpftool', ['-j', 'prog', 'show', 'id', String(id)]).toString(),
    );
    return shown.name ?? String(id);
  } catch {
    return String(id);
  }
}
