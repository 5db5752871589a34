/**
 * Traces of one connection that is too big for one. Tempo drops without a word what exceeds 5,000,000 bytes a trace, and
 * `make -j` in one session gets there, so a connection goes on in another trace when one has had its bytes.
 *
 * Which trace a span belongs to must be known to its children before it has ended itself. So it depends on nothing but the
 * start of the span's process, which stands in its ref: a process that starts after the cut is in the new trace, what
 * started before it stays in the old one, however long it lasts.
 */
import type { SpanRef } from '../sshd/session-event.ts';
import type { AttributeValue, SpanRecord } from './span-record.ts';
import { utf8Length } from './text.ts';

/** Encoded bytes after which a connection goes on in another trace; what still runs then comes on top. */
export const MAX_SEGMENT_BYTES = 4_000_000;

export class Segments {
  readonly #maxBytes: number;
  /** The first that spans go to: 1 where an earlier agent told the one before. */
  readonly #first: 0 | 1;
  /** First boot time that belongs to segment 1, 2, …; ascending. */
  readonly #starts: bigint[] = [];
  /** Encoded bytes of the last segment. */
  #bytes = 0;
  /** Of those, what this agent told, in how many spans. */
  #toldBytes = 0;
  #told = 0;

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

  /** Segment of what is named by a process. All else is part of the login, or of something that is. */
  of(ref: SpanRef): number {
    if (this.#starts.length === 0) return 0;
    if (ref.kind !== 'program' && ref.kind !== 'session' && ref.kind !== 'helper') return this.#first;
    return this.at(BigInt(ref.key[1] ?? '0'));
  }

  /** Segment of what began at this boot time and that nobody names before it is told. */
  at(startNs: bigint): number {
    if (this.#starts.length === 0) return 0;
    // Newest first: most spans belong there.
    for (let segment = this.#starts.length; segment > 0; segment--) {
      const from = this.#starts[segment - 1];
      if (from !== undefined && startNs >= from) return segment;
    }
    return this.#first;
  }

  /**
   * Counts a span. True if the last segment is full by it: then the next one has begun, with what starts after `nowNs`.
   * Nothing that starts later can have been told or named as a parent yet.
   * @param waiting spans that are held back, of things that have started: they come on top, and are taken for as big as the others
   */
  add(span: SpanRecord, segment: number, nowNs: bigint, waiting: number): boolean {
    if (segment !== this.#starts.length) return false;
    const bytes = encodedBytes(span);
    this.#bytes += bytes;
    this.#toldBytes += bytes;
    this.#told++;
    if (this.#bytes + (this.#toldBytes / this.#told) * waiting < this.#maxBytes) return false;
    this.#bytes = this.#toldBytes = this.#told = 0;
    this.#starts.push(nowNs + 1n);
    return true;
  }
}

/** Ids, times, kind, status and the lengths of it all. */
const SPAN_BYTES = 90;
/** Tags and lengths of an attribute, of an element of a list, and of a link with its ids. */
const ATTRIBUTE_BYTES = 8;
const ELEMENT_BYTES = 4;
const LINK_BYTES = 40;

/** Size of a span as OTLP protobuf, on the high side. */
export function encodedBytes(span: SpanRecord): number {
  let bytes = SPAN_BYTES + utf8Length(span.name) + attributesBytes(span.attributes);
  for (const link of span.links) {
    bytes += LINK_BYTES + utf8Length(link.traceState ?? '') + attributesBytes(link.attributes);
  }
  return bytes;
}

function attributesBytes(attributes: Readonly<Record<string, AttributeValue>>): number {
  let bytes = 0;
  for (const name in attributes) bytes += ATTRIBUTE_BYTES + name.length + valueBytes(attributes[name] ?? '');
  return bytes;
}

function valueBytes(value: AttributeValue): number {
  if (typeof value === 'string') return utf8Length(value);
  if (typeof value !== 'object') return 9;
  let bytes = ELEMENT_BYTES;
  for (const element of value) bytes += ELEMENT_BYTES + utf8Length(element);
  return bytes;
}
