/**
 * Traces of one connection that is too big for one. Tempo drops without a word what exceeds 5,000,000 bytes a trace, and
 * `make -j` in one session gets there, so a connection goes on in another trace when one has had its bytes.
 *
 * Which trace a span belongs to must be known to its children before it has ended itself. So it depends on nothing but when
 * it began, which stands in its ref: a program that starts after the cut is in the new trace, what started before it stays in
 * the old one, however long it lasts. For the same reason a program counts from its start, as much as it may come to: what
 * runs or waits when a trace is full is in it already, at whatever rate it came.
 */
import type { SpanRef } from '../sshd/session-event.ts';

/**
 * Encoded bytes after which a connection goes on in another trace. Sessions and forwards that are open then come on top; what
 * there may be more of was counted when it began.
 */
export const MAX_SEGMENT_BYTES = 4_000_000;

export class Segments {
  readonly #maxBytes: number;
  /** The first that spans go to: 1 where an earlier agent told the one before. */
  readonly #first: 0 | 1;
  /** First boot time that belongs to segment 1, 2, …; ascending. */
  readonly #starts: bigint[] = [];
  /** Encoded bytes of the last segment, told and to come. */
  #bytes = 0;

  /** @param resumedNs start of a connection that an earlier agent may have told of: segment 0 is that agent's */
  constructor(maxBytes: number, resumedNs?: bigint) {
    this.#maxBytes = maxBytes;
    this.#first = resumedNs === undefined ? 0 : 1;
    if (resumedNs !== undefined) this.#starts.push(resumedNs);
  }

  /** Goes on where `save` was called. */
  restore(starts: readonly bigint[], bytes: number): void {
    this.#starts.splice(0, this.#starts.length, ...starts);
    this.#bytes = bytes;
  }

  save(): { readonly segmentStarts: readonly bigint[]; readonly segmentBytes: number } {
    return { segmentStarts: [...this.#starts], segmentBytes: this.#bytes };
  }

  /** How many there are; one at first. */
  get count(): number {
    return this.#starts.length + 1;
  }

  /** Boot time at which a segment begins; undefined for the first, which begins with the connection. */
  startOf(segment: number): bigint | undefined {
    return this.#starts[segment - 1];
  }

  /** Segment of what has a start of its own. All else is part of the login, or of something that is. */
  of(ref: SpanRef): number {
    if (this.#starts.length === 0) return 0;
    if (ref.startNs !== undefined) return this.#at(ref.startNs);
    if (ref.kind !== 'program' && ref.kind !== 'session' && ref.kind !== 'helper') return this.#first;
    return this.#at(BigInt(ref.key[1] ?? '0'));
  }

  #at(startNs: bigint): number {
    // Newest first: most spans belong there.
    for (let segment = this.#starts.length; segment > 0; segment--) {
      const from = this.#starts[segment - 1];
      if (from !== undefined && startNs >= from) return segment;
    }
    return this.#first;
  }

  /**
   * Counts a span's bytes, or what it has less than was counted before. True if the last segment is full by it: then the next
   * one has begun, with what starts after `nowNs`. Nothing that starts later can have been told or named as a parent yet.
   */
  add(bytes: number, segment: number, nowNs: bigint): boolean {
    if (segment !== this.#starts.length) return false;
    this.#bytes += bytes;
    if (this.#bytes < this.#maxBytes) return false;
    this.#bytes = 0;
    this.#starts.push(nowNs + 1n);
    return true;
  }
}
