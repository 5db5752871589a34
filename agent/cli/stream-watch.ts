/** How a producer does, judged by the clock records that it sends every second. */

/** Without a clock record for so long, a producer has stalled. */
export const STALL_MS = 5_000;

export type ProducerState = 'waiting' | 'alive' | 'stalled';

/** State changes only in `seen` and `check`. */
export class StreamWatch {
  readonly #stallMs: number;
  #state: ProducerState = 'waiting';
  #clocks = 0;
  #lastMs = 0;

  constructor(stallMs: number = STALL_MS) {
    this.#stallMs = stallMs;
  }

  get state(): ProducerState {
    return this.#state;
  }

  /** After each piece of the stream: clock records so far, and now in ms. True if it was stalled and is back. */
  seen(clocks: number, nowMs: number): boolean {
    if (clocks === this.#clocks) return false;
    const back = this.#state === 'stalled';
    this.#clocks = clocks;
    this.#lastMs = nowMs;
    this.#state = 'alive';
    return back;
  }

  /** From time to time: true if it has just been found stalled. */
  check(nowMs: number): boolean {
    if (this.#state !== 'alive' || nowMs - this.#lastMs < this.#stallMs) return false;
    this.#state = 'stalled';
    return true;
  }
}
