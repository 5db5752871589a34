export interface BackoffOptions {
  /** First pause. Default 500. */
  readonly firstMs?: number | undefined;
  /** Longest pause. Default 30000. */
  readonly maxMs?: number | undefined;
  /** What ran so long was well, and the next pause is short again. Default 60000. */
  readonly healthyMs?: number | undefined;
  /** 0..1; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Pauses between attempts: each twice the last, and up to half of it taken off by chance, so that a fleet spreads out. */
export class Backoff {
  readonly #options: Required<{ [K in keyof BackoffOptions]: NonNullable<BackoffOptions[K]> }>;
  #nextMs: number;

  constructor(options: BackoffOptions = {}) {
    const { firstMs = 500, maxMs = 30_000, healthyMs = 60_000, random = Math.random } = options;
    this.#options = { firstMs, maxMs, healthyMs, random };
    this.#nextMs = firstMs;
  }

  /** Pause in ms before the next attempt, after one that lived for `livedMs`. */
  pauseAfter(livedMs: number): number {
    const { firstMs, maxMs, healthyMs, random } = this.#options;
    if (livedMs >= healthyMs) this.#nextMs = firstMs;
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(maxMs, pauseMs * 2);
    return pauseMs * (1 - random() / 2);
  }
}
