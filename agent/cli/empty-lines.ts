const NEWLINE = 0x0a;

/**
 * Finds empty lines in a stream of bytes, wherever the chunks were cut. A producer writes none; the supervisor writes one
 * behind a producer that is gone, and waits until it is told that it was read.
 */
export class EmptyLines {
  #lineEnded = false;

  /** Whether an empty line ends in this chunk. The stream's very first line may be one. */
  push(chunk: Uint8Array): boolean {
    if (chunk.length === 0) return false;
    const found = (this.#lineEnded && chunk[0] === NEWLINE) || bytes(chunk).includes('\n\n', 0, 'latin1');
    this.#lineEnded = chunk[chunk.length - 1] === NEWLINE;
    return found;
  }
}

function bytes(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}
