/** Longest line that is read, in bytes without its newline (ebpf/README.md, Framing). */
export const MAX_LINE_BYTES = 131_072;

/** One line of the stream; `text` is absent when the line was longer than the limit. */
export interface Line {
  /** One char for each byte; without the newline. */
  readonly text?: string;
  /** Counted from 1. */
  readonly number: number;
  /** Bytes of the stream before it. */
  readonly offset: number;
  /** Bytes without the newline. */
  readonly length: number;
}

/**
 * Cuts a byte stream into lines, wherever the chunks were cut. Holds at most one line; what a too long line has
 * beyond the limit is skipped without being kept.
 *
 * Latin-1, not UTF-8: the format is ASCII, and one char per byte keeps lengths and offsets true for garbage too.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder('latin1');
  /** Head of a line whose end hasn't come yet. Empty while a too long line is skipped. */
  #carry = '';
  /** Bytes of that line so far, also those that were skipped. */
  #carried = 0;
  #number = 0;
  #offset = 0;

  /** Lines that end in this chunk. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    const text = this.#decoder.decode(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      lines.push(this.#line(text.slice(start, end)));
      start = end + 1;
    }
    this.#carried += text.length - start;
    this.#carry = this.#carried > MAX_LINE_BYTES ? '' : this.#carry + text.slice(start);
    return lines;
  }

  /** The last line, if the stream ended without a newline. */
  end(): Line[] {
    return this.#carried > 0 ? [this.#line('')] : [];
  }

  #line(tail: string): Line {
    const length = this.#carried + tail.length;
    const number = ++this.#number;
    const offset = this.#offset;
    const text = this.#carry + tail;
    this.#offset += length + 1;
    this.#carry = '';
    this.#carried = 0;
    return length > MAX_LINE_BYTES ? { number, offset, length } : { text, number, offset, length };
  }
}
