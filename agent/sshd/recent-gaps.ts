import type { LostEvent } from '../decode/kernel-event.ts';

/** Losses that name no connection and whose time has not passed: a connection that begins inside them is touched, too. */
export class RecentGaps {
  #gaps: LostEvent[] = [];

  add(gap: LostEvent): void {
    this.#gaps.push(gap);
  }

  /** Those not before `tsNs`; the others are forgotten. */
  since(tsNs: bigint): readonly LostEvent[] {
    if (this.#gaps.length > 0) this.#gaps = this.#gaps.filter((gap) => gap.tsNs >= tsNs);
    return this.#gaps;
  }
}
