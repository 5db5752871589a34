import type { Readable } from 'node:stream';

/** Single bytes that an agent tells its supervisor. */
export const STATUS = {
  /** The producer has begun its stream. */
  ready: 'r',
  /** The producer is silent although it lives. */
  stalled: 's',
} as const;

/** What the agent told of the producer that runs now. Anything but the known bytes is ignored. */
export class AgentStatus {
  #ready = false;
  #stalled = Promise.withResolvers<void>();

  constructor(bytes: Readable | undefined) {
    bytes?.on('error', () => undefined);
    bytes?.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (text.includes(STATUS.ready)) this.#ready = true;
      if (text.includes(STATUS.stalled)) this.#stalled.resolve();
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  /** Another producer is started. */
  reset(): void {
    this.#ready = false;
    this.#stalled = Promise.withResolvers<void>();
  }
}
