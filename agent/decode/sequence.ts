import type { LostEvent, ProcessId } from './kernel-event.ts';

/** Gaps that are remembered for each CPU, so that a late record isn't taken for a duplicate. */
const MAX_REMEMBERED_GAPS = 256;
/** Runs of records between which something is still missing, for each CPU. */
const MAX_RUNS = 4_096;

/** Records that came without a hole between them, `from`..`to`; empty (`to` < `from`): a `seq` record told the number. */
interface Run {
  from: number;
  to: number;
  fromNs: bigint;
  toNs: bigint;
}

interface Gap {
  from: number;
  to: number;
}

interface CpuState {
  /** In order; between two of them records are missing, which may still come. */
  readonly runs: Run[];
  /** Missing records that were given up. */
  readonly gaps: Gap[];
  /** The last `seq` record: how many records there were by then. */
  announced: number;
}

/** What the number of a record says: seen first in its place, seen before, or given up as lost before. */
export type Arrival = 'new' | 'duplicate' | 'recovered';

/** Takes the number out of the gaps; false if it wasn't missing. */
function takeFromGaps(gaps: Gap[], seq: number): boolean {
  const at = gaps.findIndex((gap) => seq >= gap.from && seq <= gap.to);
  const gap = gaps[at];
  if (gap === undefined) return false;
  const rest = [
    { from: gap.from, to: seq - 1 },
    { from: seq + 1, to: gap.to },
  ].filter((part) => part.from <= part.to);
  gaps.splice(at, 1, ...rest);
  return true;
}

/**
 * Finds duplicates and loss by the record numbers of each CPU (ebpf/README.md, Order, duplicates, loss), in whatever
 * order the records come. What is missing is given up when the reorder window has passed it.
 */
export class SequenceTracker {
  readonly #cpus = new Map<number, CpuState>();
  /** CPUs that miss something now; while it is 0 there is nothing to look for. */
  #incomplete = 0;
  /** Records that `lost` records with a connection told of, and no gap has used up. */
  #explained = 0;
  /** Records that gaps told of, and no `lost` record has named. */
  #unexplained = 0;
  #crowded = false;

  /** True when so many gaps are open that some should be given up now, whatever the time. */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** A record of this number has come. */
  note(cpu: number, seq: number, tsNs: bigint): Arrival {
    const state = this.#state(cpu);
    const last = state.runs.at(-1);
    if (last !== undefined && seq === last.to + 1) {
      last.to = seq;
      if (tsNs > last.toNs) last.toNs = tsNs;
      return 'new';
    }
    return this.#insert(state, seq, tsNs);
  }

  /** The CPU had tried to make `next` records at that time: those below it exist, and came before; the others later. */
  expect(cpu: number, next: number, tsNs: bigint): void {
    const state = this.#state(cpu);
    if (next > state.announced) state.announced = next;
    const { runs } = state;
    let at = runs.length;
    while (at > 0 && (runs[at - 1] as Run).from > next) at--;
    const run = runs[at - 1];
    if (run === undefined || next > run.to + 1) {
      this.#add(runs, at, { from: next, to: next - 1, fromNs: tsNs, toNs: tsNs });
      return;
    }
    if (next === run.to + 1 && tsNs > run.toNs) run.toNs = tsNs;
    if (next === run.from && tsNs < run.fromNs) run.fromNs = tsNs;
  }

  /** A `lost` record that names its connection accounts for gaps, those told of and those still to be found. */
  explain(of: string, count: number, conn: ProcessId | undefined): void {
    // A process that could not be followed, or a program that was skipped, used up no number.
    if (conn === undefined || of === 'untracked' || of.startsWith('skipped:')) return;
    const told = Math.min(count, this.#unexplained);
    this.#unexplained -= told;
    this.#explained += count - told;
  }

  /** Every CPU has told all that it made up to this time; undefined if none is known. */
  confirmedNs(): bigint | undefined {
    let least: bigint | undefined;
    for (const { runs } of this.#cpus.values()) {
      const toNs = runs[0]?.toNs;
      if (toNs !== undefined && (least === undefined || toNs < least)) least = toNs;
    }
    return least;
  }

  /**
   * Gaps before `horizonNs` (all if undefined): nothing can fill them any more.
   * @param announcedOnlyNs gaps after it wait for their CPU's `seq` record: a `lost` record before that one may name whose
   * records they were
   */
  giveUp(horizonNs: bigint | undefined, announcedOnlyNs?: bigint): LostEvent[] {
    if (this.#incomplete === 0) return [];
    this.#crowded = false;
    const lost: LostEvent[] = [];
    for (const state of this.#cpus.values()) {
      for (let next = state.runs[1]; next !== undefined; next = state.runs[1]) {
        if (horizonNs !== undefined && next.fromNs >= horizonNs && state.runs.length <= MAX_RUNS) break;
        const waits = announcedOnlyNs !== undefined && next.fromNs > announcedOnlyNs && state.announced < next.from;
        if (waits && state.runs.length <= MAX_RUNS) break;
        const gap = this.#close(state);
        if (gap !== undefined) lost.push(gap);
      }
    }
    return lost;
  }

  /** A new producer counts anew. */
  reset(): void {
    this.#cpus.clear();
    this.#incomplete = 0;
    this.#crowded = false;
    this.#explained = 0;
    this.#unexplained = 0;
  }

  #state(cpu: number): CpuState {
    let state = this.#cpus.get(cpu);
    if (state === undefined) {
      state = { runs: [], gaps: [], announced: 0 };
      this.#cpus.set(cpu, state);
    }
    return state;
  }

  #insert({ runs, gaps }: CpuState, seq: number, tsNs: bigint): Arrival {
    let at = runs.length;
    for (; at > 0; at--) {
      const run = runs[at - 1] as Run;
      if (seq >= run.from && seq <= run.to) return takeFromGaps(gaps, seq) ? 'recovered' : 'duplicate';
      if (seq > run.to) break;
    }
    const before = runs[at - 1];
    const after = runs[at];
    if (before !== undefined && before.to + 1 === seq) {
      before.to = seq;
      if (tsNs > before.toNs) before.toNs = tsNs;
      if (after !== undefined && after.from === seq + 1) this.#merge(runs, at - 1);
    } else if (after !== undefined && after.from === seq + 1) {
      after.from = seq;
      if (tsNs < after.fromNs) after.fromNs = tsNs;
    } else {
      this.#add(runs, at, { from: seq, to: seq, fromNs: tsNs, toNs: tsNs });
    }
    return 'new';
  }

  #add(runs: Run[], at: number, run: Run): void {
    runs.splice(at, 0, run);
    if (runs.length === 2) this.#incomplete++;
    if (runs.length > MAX_RUNS) this.#crowded = true;
  }

  /** Joins run `at` and the next, between which nothing is missing any more. */
  #merge(runs: Run[], at: number): void {
    const first = runs[at] as Run;
    const second = runs[at + 1] as Run;
    if (second.to >= second.from) first.to = second.to;
    // Also of an empty one: by then there were no more records than these.
    if (second.toNs > first.toNs) first.toNs = second.toNs;
    runs.splice(at + 1, 1);
    if (runs.length === 1) this.#incomplete--;
  }

  /** Gives up what is missing between the first two runs. */
  #close(state: CpuState): LostEvent | undefined {
    const [first, second] = state.runs as [Run, Run];
    const count = second.from - first.to - 1;
    state.gaps.push({ from: first.to + 1, to: second.from - 1 });
    if (state.gaps.length > MAX_REMEMBERED_GAPS) state.gaps.shift();
    const backwards = second.fromNs < first.toNs;
    const [sinceNs, tsNs] = backwards ? [second.fromNs, first.toNs] : [first.toNs, second.fromNs];
    first.to = second.from - 1;
    first.toNs = second.fromNs;
    this.#merge(state.runs, 0);
    if (count <= this.#explained) {
      this.#explained -= count;
      return undefined;
    }
    this.#unexplained += count - this.#explained;
    this.#explained = 0;
    return { kind: 'lost', tsNs, sinceNs, of: 'gap', count, conn: undefined };
  }
}
