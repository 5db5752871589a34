import type { Log } from './log.ts';

/** One line in so long. */
const PAUSE_MS = 10_000;

/** Says when the producer has lost records, at once and then now and then. */
export class LossLog {
  readonly #log: Log;
  #said = 0;
  #saidMs = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param total records lost so far */
  lost(total: number, nowMs: number): void {
    if (total <= this.#said || nowMs - this.#saidMs < PAUSE_MS) return;
    this.#log('warn', `${total - this.#said} records were lost before they were read: what they told of is missing`);
    this.#said = total;
    this.#saidMs = nowMs;
  }
}
