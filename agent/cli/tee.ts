import { createWriteStream } from 'node:fs';
import type { Log } from './log.ts';

/** Saves bytes to an open descriptor. A disk that is full ends the copy, not the agent. */
export class Tee {
  readonly #stream: NodeJS.WritableStream & { readonly writableNeedDrain: boolean; readonly destroyed: boolean };
  #failed = false;
  #bytes = 0;

  constructor(fd: number, log: Log) {
    const stream = createWriteStream('', { fd });
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#failed) return;
      this.#failed = true;
      // Who reads a pipe may leave; that is no fault.
      if (error.code !== 'EPIPE')
        log('warn', `the recording ends here after ${this.#bytes} bytes: ${error.code ?? 'write failed'}`);
    });
  }

  /** The recording could not be continued. */
  get failed(): boolean {
    return this.#failed;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when more may be written: a slow disk holds the producer back, never fills memory. */
  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.#failed || chunk.length === 0) return;
    this.#bytes += chunk.length;
    if (this.#stream.write(chunk)) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('drain', resolve);
      this.#stream.once('error', () => resolve());
    });
  }

  async close(): Promise<void> {
    if (this.#failed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.end(() => resolve());
    });
  }
}
