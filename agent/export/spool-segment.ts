import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import type { ResourceRecord } from '../span/span-record.ts';

/** A span on disk. Where it stands changes when its segment is given up before it was delivered. */
export interface SpoolRef {
  readonly number: number;
  readonly writtenMs: number;
  segment: SpoolSegment;
  offset: number;
  /** Header included. */
  readonly length: number;
  resource: ResourceRecord;
}

/** One file of the spool: written once from start to end, read at random. */
export class SpoolSegment {
  /** Spans that still wait. */
  readonly live = new Set<SpoolRef>();
  /** Of what was written last; what follows needs no other. */
  resource: ResourceRecord | undefined;
  readonly #path: string;
  readonly #fd: number;
  #bytes: number;

  /** @throws what the file system throws */
  constructor(path: string, mode: 'new' | 'old', bytes = 0) {
    this.#path = path;
    this.#fd = openSync(path, mode === 'new' ? 'wx+' : 'r', 0o600);
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Appends in one go, or not at all.
   * @returns offset of the first byte
   * @throws what the file system throws, after what was written of it has been cut off again
   */
  append(bytes: Buffer): number {
    const offset = this.#bytes;
    try {
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
        if (written === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
        done += written;
      }
    } catch (error) {
      ftruncateSync(this.#fd, offset);
      throw error;
    }
    this.#bytes += bytes.length;
    return offset;
  }

  /** As much of the stretch as there is. */
  read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#fd, bytes, done, length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  close(): void {
    closeSync(this.#fd);
  }

  remove(): void {
    closeSync(this.#fd);
    unlinkSync(this.#path);
  }
}
