/** Finished activities that wait for their time, see `SpanBuilder`. */
import type { Activity, ConnectionFacts } from '../sshd/session-event.ts';
import type { ConnectionState, Held } from './connection-state.ts';
import { Fifo } from './fifo.ts';
import type { SpanBuilderOptions } from './span-builder-options.ts';

const NS_PER_MS = 1_000_000n;

export class HeldSpans {
  readonly holdNs: bigint;
  readonly #maxCount: number;
  readonly #maxBytes: number;
  /** Soonest first. What left otherwise is here until its time, without its activity. */
  readonly #waiting = new Fifo<Held>();
  #count = 0;

  constructor({ holdMs, maxHeldSpans, maxHeldBytes }: SpanBuilderOptions) {
    this.holdNs = BigInt(holdMs ?? 2_000) * NS_PER_MS;
    this.#maxCount = maxHeldSpans ?? 10_000;
    this.#maxBytes = maxHeldBytes ?? 16 * 2 ** 20;
  }

  get count(): number {
    return this.#count;
  }

  /** @param bytes the most that its span may have */
  add(connection: ConnectionFacts, state: ConnectionState, activity: Activity, bytes: number, tsNs: bigint): void {
    const held: Held = { connection, state, releaseNs: tsNs + this.holdNs, bytes, memory: memoryOf(activity, bytes) };
    state.held.set(held, activity);
    state.heldBytes += held.memory;
    this.#count++;
    if (state.phase === 'known') this.#waiting.push(held);
  }

  /** All of a connection begin to wait anew. */
  again(state: ConnectionState, tsNs: bigint): void {
    for (const held of [...state.held.keys()]) {
      const activity = this.take(held);
      if (activity !== undefined) this.add(held.connection, state, activity, held.bytes, tsNs);
    }
  }

  /** The oldest of a connection that holds too much. */
  excess({ held, heldBytes }: ConnectionState): Held | undefined {
    if (held.size <= this.#maxCount && heldBytes <= this.#maxBytes) return undefined;
    const [oldest] = held.keys();
    return oldest;
  }

  /** One whose time is over; `tsNs` undefined: the next one. */
  due(tsNs?: bigint): Held | undefined {
    for (let held = this.#waiting.peek(); held !== undefined; held = this.#waiting.peek()) {
      if (tsNs !== undefined && held.releaseNs > tsNs) return undefined;
      this.#waiting.shift();
      if (held.state.held.has(held)) return held;
    }
    return undefined;
  }

  /** Holds it no longer; undefined: it was taken before. */
  take(held: Held): Activity | undefined {
    const { state } = held;
    const activity = state.held.get(held);
    if (activity === undefined) return undefined;
    state.held.delete(held);
    state.heldBytes -= held.memory;
    this.#count--;
    return activity;
  }
}

/** The span to come, and the arguments, which may be much longer than what is shown of them. */
function memoryOf(activity: Activity, bytes: number): number {
  const program = activity.kind === 'program' || activity.kind === 'helper' ? activity.program : undefined;
  return bytes + (program?.argv?.bytes.length ?? 0);
}
