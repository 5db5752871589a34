import type { Readable } from 'node:stream';

/** Single bytes that an agent tells its supervisor. */
export const STATUS = {
  /** The producer has begun its stream. */
  ready: 'r',
  /** The producer is silent although it lives. */
  stalled: 's',
  /** One more trace has been drawn. */
  drawn: 'd',
  /** An empty line was read, and all before it: whatever a producer that is gone has begun has been told. */
  caughtUp: 'c',
} as const;

/** What an agent may tell. */
export type AgentNews = keyof typeof STATUS;

/** What the agent told of the producer that runs now. Anything but the known bytes is ignored. */
export class AgentStatus {
  #ready = false;
  #stalled = Promise.withResolvers<void>();
  #caughtUp = Promise.withResolvers<void>();

  /** @param onNews called for each byte that is known, in order */
  constructor(bytes: Readable | undefined, onNews?: ((what: AgentNews) => void) | undefined) {
    bytes?.on('error', () => undefined);
    bytes?.on('data', (chunk: Buffer) => {
      for (const byte of chunk.toString('latin1')) {
        if (byte === STATUS.ready) this.#ready = true;
        // While a producer is still beginning, the silence is that of the one before it.
        if (byte === STATUS.stalled && this.#ready) this.#stalled.resolve();
        if (byte === STATUS.caughtUp) this.#caughtUp.resolve();
        const what = NEWS.get(byte);
        if (what !== undefined) onNews?.(what);
      }
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  /** Resolves at the first empty line that the agent reads since `reset`. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Another producer is started. */
  reset(): void {
    this.#ready = false;
    this.#stalled = Promise.withResolvers<void>();
    this.#caughtUp = Promise.withResolvers<void>();
  }
}

const NEWS: ReadonlyMap<string, AgentNews> = new Map([
  [STATUS.ready, 'ready'],
  [STATUS.stalled, 'stalled'],
  [STATUS.drawn, 'drawn'],
  [STATUS.caughtUp, 'caughtUp'],
]);
