import type { ProcessId } from '../decode/kernel-event.ts';

/**
 * The processes that were added last: at least `least` of them, at most twice as many. Two maps, of which the older is dropped
 * whole when the newer is full: to find and delete the oldest key of one map means to walk over all that were deleted.
 *
 * By pid alone, so that no text is made of a process's two numbers: who had a pid before somebody that is over is over, too.
 * That holds for one boot.
 */
export class RecentProcesses {
  readonly #least: number;
  /** Start by pid, of the last that had it. */
  #newer = new Map<number, bigint>();
  #older = new Map<number, bigint>();

  constructor(least: number) {
    this.#least = least;
  }

  add({ pid, startNs }: ProcessId): void {
    if (this.#newer.size >= this.#least) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(pid, startNs);
  }

  has({ pid, startNs }: ProcessId): boolean {
    const last = this.#newer.get(pid) ?? this.#older.get(pid);
    return last !== undefined && last >= startNs;
  }

  clear(): void {
    this.#newer.clear();
    this.#older.clear();
  }
}
