import type { KernelEvent } from './kernel-event.ts';

/** An event that waits for earlier ones. */
export interface Held {
  readonly event: KernelEvent;
  /** Its place in the order: its time; of a loss, the moment since which records may be missing. */
  readonly orderNs: bigint;
  /** -1: made by the producer's user space, or not told. */
  readonly cpu: number;
  readonly seq: number;
  /** Bytes of its line, as a measure of what it costs to hold. */
  readonly size: number;
}

/** Events of one instant, where their CPU doesn't say more: what is told about a process before what it does next. */
const RANK: Readonly<Record<KernelEvent['kind'], number>> = {
  hello: 0,
  clock: 1,
  lost: 2,
  cgroup: 3,
  seed: 4,
  'seed-end': 5,
  setresuid: 6,
  setsid: 7,
  fork: 8,
  accept: 9,
  drop: 10,
  execfail: 11,
  exec: 12,
  mon: 13,
  log: 14,
  tcp: 15,
  forward: 16,
  file: 17,
  exit: 18,
  untracked: 19,
  end: 20,
};

function compare(a: Held, b: Held): number {
  const [x, y] = [a.event, b.event];
  if (a.orderNs !== b.orderNs) return a.orderNs < b.orderNs ? -1 : 1;
  // Only of those that came too late for their own place.
  const [xNs, yNs] = [ownNs(x), ownNs(y)];
  if (xNs !== yNs) return xNs < yNs ? -1 : 1;
  if (a.cpu !== b.cpu) return a.cpu - b.cpu;
  if (a.seq !== b.seq) return a.seq - b.seq;
  if (x.kind !== y.kind) return RANK[x.kind] - RANK[y.kind];
  if ('process' in x && 'process' in y) {
    // Parents first: a process is never older than its parent.
    if (x.process.startNs !== y.process.startNs) return x.process.startNs < y.process.startNs ? -1 : 1;
    return x.process.pid - y.process.pid;
  }
  if (x.kind === 'lost' && y.kind === 'lost') {
    if (x.of !== y.of) return x.of < y.of ? -1 : 1;
    return (x.conn?.pid ?? 0) - (y.conn?.pid ?? 0);
  }
  return 0;
}

/** A loss is told before what happened since. */
function ownNs(event: KernelEvent): bigint {
  return event.kind === 'lost' ? 0n : event.tsNs;
}

/** Taken elements are cut off when this many have gathered. */
const COMPACT_AT = 1_024;

/**
 * Holds events in the order of their time. Since they nearly come in order, an insertion from the end is cheaper than
 * a heap, and it is stable.
 */
export class ReorderBuffer {
  #held: Held[] = [];
  /** Elements before it were taken. */
  #first = 0;
  #size = 0;

  get length(): number {
    return this.#held.length - this.#first;
  }

  /** Sum of the sizes of what is held. */
  get size(): number {
    return this.#size;
  }

  add(item: Held): void {
    this.#size += item.size;
    const held = this.#held;
    const last = held.at(-1);
    if (last === undefined || this.length === 0 || compare(last, item) <= 0) {
      held.push(item);
      return;
    }
    let low = this.#first;
    let high = held.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(held[middle] as Held, item) <= 0) low = middle + 1;
      else high = middle;
    }
    held.splice(low, 0, item);
  }

  /** The earliest, if it happened before `horizonNs` (undefined: in any case). */
  take(horizonNs: bigint | undefined): KernelEvent | undefined {
    const item = this.#held[this.#first];
    if (item === undefined || (horizonNs !== undefined && item.orderNs >= horizonNs)) return undefined;
    this.#first++;
    this.#size -= item.size;
    if (this.#first === this.#held.length) {
      this.#held = [];
      this.#first = 0;
    } else if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
    return item.event;
  }
}
