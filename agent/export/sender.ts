import { pauseMs } from './backoff.ts';
import type { Backoff, BatchLimits } from './options.ts';
import type { SendOutcome } from './send-outcome.ts';
import type { Waiting } from './span-queue.ts';

/**
 * Single spans refused in a row, nothing accepted in between, that raise the suspicion that it is the collector, not
 * the spans. Then the largest remaining parts are tried, and if as many of those are refused it is taken for certain: no
 * more is given up until a slow pause is over.
 */
const SUSPICIOUS_REFUSALS = 8;
/** While shutting down every pause is at most this long: the deadline is near. */
const CLOSING_PAUSE_MS = 250;

type Retry = Extract<SendOutcome, { kind: 'retry' }>;

export interface SenderCounters {
  /** Taken by the collector. */
  exported: number;
  /** Never to be taken by the collector: rejected in a partial success, or refused singly. */
  refused: number;
  /** In the request under way, or in a part of its batch still to be sent. */
  inFlight: number;
  /** Requests made. */
  requests: number;
  /** Requests that failed in whole, for whatever reason. */
  failures: number;
}

/** What the sender tells, at the moment when its counters say the same. */
export interface SenderEvents<T> {
  /** These will not be sent again: accepted or refused. */
  settled(items: readonly T[]): void;
  failed(outcome: Retry): void;
  accepted(): void;
  refused(count: number, reason: string): void;
  /** A remark of the collector with a full success. */
  noted(note: string): void;
  /** Room came free in the queue. */
  drained(): void;
}

/** What the sender takes from. */
export interface SendQueue<T> {
  readonly size: number;
  take(maxSpans: number, maxBytes: number): Waiting<T>[];
  /** Returns what was taken and could not be delivered to where it stood. */
  putBack(batch: readonly Waiting<T>[]): void;
}

export interface SenderOptions<T> {
  readonly queue: SendQueue<T>;
  readonly batch: BatchLimits;
  readonly backoff: Backoff;
  /** Sends one request, once; never rejects. */
  readonly send: (items: readonly T[]) => Promise<SendOutcome>;
  readonly events: SenderEvents<T>;
  readonly random?: () => number;
}

/**
 * Moves what waits in the queue to the collector: batches of a bounded size and age, one request at a time. Every item
 * that it takes is settled exactly once: exported, refused, or put back.
 */
export class Sender<T> {
  readonly counters: SenderCounters = { exported: 0, refused: 0, inFlight: 0, requests: 0, failures: 0 };
  readonly #options: SenderOptions<T>;
  #running: Promise<void> = Promise.resolve();
  /** Between the start of `#run` and the moment when it found the queue empty; no turn may lie between that and false. */
  #active = false;
  #closing = false;
  #stopped = false;
  #failuresInARow = 0;
  #refusedInARow = 0;
  #refusedProbes = 0;
  /** Ends the pause under way. */
  #wake: (() => void) | undefined;
  /** True while the pause is only the wait for a fuller batch. */
  #gathering = false;

  constructor(options: SenderOptions<T>) {
    this.#options = options;
  }

  /** Something was added to the queue. */
  notify(): void {
    if (this.#stopped) return;
    if (!this.#active) {
      this.#active = true;
      this.#running = this.#run();
    }
    if (this.#gathering && this.#options.queue.size >= this.#options.batch.maxSpans) this.#wake?.();
  }

  /** What stood in the way may be gone: ends a pause after a failure. */
  retryNow(): void {
    if (!this.#gathering) this.#wake?.();
  }

  /** Sends all that waits, with short pauses; resolves when nothing is left or `stop` was called. */
  async flush(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    if (this.#options.queue.size > 0) this.notify();
    await this.#running;
  }

  /** Sends no more. What is in flight settles by the outcome of its request and goes back to the queue if it failed. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { queue, batch, backoff, events } = this.#options;
    const random = this.#options.random ?? Math.random;
    await this.#gather();
    while (!this.#stopped && queue.size > 0) {
      const failure = await this.#deliver(queue.take(batch.maxSpans, batch.maxBytes));
      if (failure === undefined) {
        events.drained();
        if (queue.size < batch.maxSpans && queue.size > 0) await this.#gather();
        continue;
      }
      // Only a person can mend it, and there is no time left to wait for one.
      if (this.#closing && failure.pace === 'slow') break;
      await this.#pause(pauseMs(backoff, failure, this.#failuresInARow, random()));
    }
    this.#active = false;
  }

  async #gather(): Promise<void> {
    const { queue, batch } = this.#options;
    if (this.#closing || queue.size >= batch.maxSpans) return;
    this.#gathering = true;
    await this.#pause(batch.delayMs);
    this.#gathering = false;
  }

  /** Undefined: all of it is settled. Else what is not settled is back in the queue. */
  async #deliver(taken: Waiting<T>[]): Promise<Retry | undefined> {
    const { counters } = this;
    counters.inFlight = taken.length;
    const pieces = [taken];
    for (let piece = this.#nextPiece(pieces); piece !== undefined; piece = this.#nextPiece(pieces)) {
      const outcome = await this.#sendOnce(piece);
      const failure = this.#settle(piece, outcome, pieces);
      if (failure !== undefined || this.#stopped) {
        this.#options.queue.putBack(failure === undefined ? pieces.flat() : [piece, ...pieces].flat());
        counters.inFlight = 0;
      }
      if (failure !== undefined) {
        this.#failuresInARow += 1;
        this.#options.events.failed(failure);
        return failure;
      }
      if (this.#stopped) return undefined;
    }
    return undefined;
  }

  /** The oldest part, at the end of the list; under suspicion the largest, at its beginning. */
  #nextPiece(pieces: Waiting<T>[][]): Waiting<T>[] | undefined {
    return this.#refusedInARow < SUSPICIOUS_REFUSALS ? pieces.pop() : pieces.shift();
  }

  async #sendOnce(piece: readonly Waiting<T>[]): Promise<SendOutcome> {
    this.counters.requests += 1;
    const outcome = await this.#options.send(piece.map((waiting) => waiting.item));
    if (outcome.kind !== 'accepted') this.counters.failures += 1;
    return outcome;
  }

  /** Books one request. A refused piece of several is halved onto `pieces`, its older half to be sent first. */
  #settle(piece: Waiting<T>[], outcome: SendOutcome, pieces: Waiting<T>[][]): Retry | undefined {
    if (outcome.kind === 'retry') return outcome;
    if (outcome.kind === 'accepted') {
      this.#settleAccepted(piece, outcome);
      return undefined;
    }
    if (this.#refusedInARow >= SUSPICIOUS_REFUSALS) {
      this.#refusedProbes += 1;
      if (this.#refusedProbes >= SUSPICIOUS_REFUSALS) {
        this.#refusedInARow = 0;
        this.#refusedProbes = 0;
        return { kind: 'retry', pace: 'slow', reason: `whatever is sent is refused, ${outcome.reason}` };
      }
    }
    if (piece.length > 1) {
      const middle = piece.length >> 1;
      pieces.push(piece.slice(middle), piece.slice(0, middle));
      return undefined;
    }
    this.#refusedInARow += 1;
    this.counters.refused += 1;
    this.counters.inFlight -= 1;
    this.#options.events.settled(piece.map(({ item }) => item));
    this.#options.events.refused(1, outcome.reason);
    return undefined;
  }

  #settleAccepted(piece: readonly Waiting<T>[], outcome: Extract<SendOutcome, { kind: 'accepted' }>): void {
    const { counters } = this;
    const { events } = this.#options;
    const count = piece.length;
    const rejected = Math.min(outcome.rejected, count);
    counters.exported += count - rejected;
    counters.refused += rejected;
    counters.inFlight -= count;
    this.#failuresInARow = 0;
    this.#refusedInARow = 0;
    this.#refusedProbes = 0;
    events.settled(piece.map(({ item }) => item));
    events.accepted();
    if (rejected > 0)
      events.refused(rejected, `partial success${outcome.note === undefined ? '' : `: “${outcome.note}”`}`);
    else if (outcome.note !== undefined) events.noted(outcome.note);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    const limitedMs = this.#closing ? Math.min(ms, CLOSING_PAUSE_MS) : ms;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitedMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
