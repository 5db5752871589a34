/**
 * Proof that the agent gets on, for a watchdog: a timer alone would beat for an agent that takes bytes in and makes nothing
 * of them. State changes only in `took`, `made` and `proven`.
 */
export class StreamProgress {
  #waiting = false;
  #clocks = 0;
  #proven = 0;

  /** A piece of the stream has arrived. */
  took(): void {
    this.#waiting = true;
  }

  /** @param clocks clock records that have come through all stages so far; a live producer sends one a second */
  made(clocks: number): void {
    this.#clocks = clocks;
  }

  /** Since the last question, a clock record has come through all stages, or nothing has arrived. */
  proven(): boolean {
    const proven = this.#clocks !== this.#proven || !this.#waiting;
    this.#proven = this.#clocks;
    this.#waiting = false;
    return proven;
  }
}
