import { createWriteStream, type WriteStream } from 'node:fs';
import type { RedactedRecording } from '../redacted-recording.ts';
import { drained } from './drained.ts';
import type { Log } from './log.ts';

/** Saves a stream to an open descriptor, as it is or redacted. A disk that is full ends the copy, not the agent. */
export class StreamTee {
  readonly #file: WriteStream;
  readonly #redacted: RedactedRecording | undefined;
  #failed = false;

  constructor(fd: number, redacted: RedactedRecording | undefined, log: Log) {
    this.#redacted = redacted;
    this.#file = createWriteStream('', { fd });
    this.#file.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#failed) return;
      this.#failed = true;
      const reason = error.code ?? 'write failed';
      // Who reads a pipe may leave; that is no fault.
      if (reason !== 'EPIPE') log('warn', `the recording ends here, after ${this.#file.bytesWritten} bytes: ${reason}`);
    });
  }

  /** The recording could not be continued. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Resolves when more may come: a slow disk holds the producer back, it never fills memory.
   * @throws UnsupportedVersionError if it has to look into a stream of a newer format
   */
  async push(chunk: Uint8Array): Promise<void> {
    await this.#write(this.#redacted?.push(chunk) ?? chunk);
  }

  async end(): Promise<void> {
    await this.#write(this.#redacted?.end() ?? '');
    if (this.#failed) return;
    await new Promise<void>((resolve) => {
      this.#file.once('error', () => resolve());
      this.#file.end(() => resolve());
    });
  }

  async #write(data: Uint8Array | string): Promise<void> {
    if (this.#failed || data.length === 0 || this.#file.write(data)) return;
    await drained(this.#file);
  }
}
