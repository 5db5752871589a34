import { decodeHex } from './hex.ts';
import type { CutBytes } from './kernel-event.ts';

/** Longest spelling that is remembered: 128 bytes. */
const MAX_HEX = 256;
/** Values remembered at least; at most twice as many. */
const MIN_KEPT = 4_096;

/**
 * Bytes by their spelling, so that the same bytes are one object as long as they are remembered: hosts run few programs, and
 * with 10,000 open connections each of them is held so many times. An array of bytes takes 200 more than it holds.
 * Two maps, of which the older is dropped whole when the newer is full. What they give is never written to.
 */
export class SharedValues {
  #newer = new Map<string, CutBytes>();
  #older = new Map<string, CutBytes>();

  /** Undefined if it is not hex. */
  of(hex: string): CutBytes | undefined {
    if (hex.length > MAX_HEX) return wholeOf(hex);
    const recent = this.#newer.get(hex);
    if (recent !== undefined) return recent;
    const value = this.#older.get(hex) ?? wholeOf(hex);
    if (value === undefined) return undefined;
    if (this.#newer.size >= MIN_KEPT) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(hex, value);
    return value;
  }
}

function wholeOf(hex: string): CutBytes | undefined {
  const bytes = decodeHex(hex);
  return bytes === undefined ? undefined : { bytes, length: bytes.length };
}
