import type { Log } from './log.ts';

/** One line in so long. */
const PAUSE_MS = 60_000;

/** Says that connections are no longer told one by one, at once and then now and then. */
export class FloodLog {
  readonly #log: Log;
  #said = 0;
  #saidMs = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param total connections left to summaries so far */
  summarized(total: number, nowMs: number): void {
    if (total <= this.#said || nowMs - this.#saidMs < PAUSE_MS) return;
    this.#log(
      'warn',
      `${total - this.#said} connections that never authenticated are told by a summary only: more than limits.unauthenticatedPerSource or limits.unauthenticatedPerMinute`,
    );
    this.#said = total;
    this.#saidMs = nowMs;
  }
}
