import { CgroupPaths } from './cgroup-paths.ts';
import type { DecodeError, DecodeErrorKind } from './decode-error.ts';
import { type DecodedRecord, decodeRecord, type RecordNumber, recordNumber } from './decode-record.ts';
import { FieldReader, type RawRecord } from './field-reader.ts';
import { Joiner } from './joiner.ts';
import type { KernelEvent } from './kernel-event.ts';
import { type Line, LineSplitter } from './lines.ts';
import { ReorderBuffer } from './reorder.ts';
import { SeedFacts } from './seed-facts.ts';
import { SequenceTracker } from './sequence.ts';

/** How far records may come out of order, in event time. */
export const REORDER_WINDOW_NS = 50_000_000n;
/** How long a producer that confirms its numbers every second (`seq`) may leave events unconfirmed. */
const CONFIRM_NS = 1_500_000_000n;
/**
 * bpftrace reads the buffer of one CPU to its end before it turns to the next: a record may come so long after those of
 * other CPUs, and before that nothing says that it is lost.
 */
const BETWEEN_BUFFERS_NS = 3_000_000_000n;
/** Beyond these the earliest events are passed on before their window has passed. */
const MAX_HELD_EVENTS = 262_144;
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Errors that are kept for a log, of each kind. */
const MAX_KEPT_ERRORS = 4;
/** Beginnings of what bpftrace prints of its own accord. */
const PRODUCER_TEXT = ['Attaching ', 'Attached ', 'Lost ', '@', 'WARNING', 'stdin:', 'ERROR', 'HINT'];

export interface StreamDecoderOptions {
  /** Default 50 ms. */
  readonly windowNs?: bigint;
  /** Default 8 MiB. */
  readonly maxValueBytes?: number;
  /** Default 64 MiB. */
  readonly maxWaitingBytes?: number;
}

/** What became of the lines of a stream. Every loss is here. */
export interface DecodeCounters {
  lines: number;
  comments: number;
  /** Lines that became an event or part of one. */
  records: number;
  /** Events passed on. */
  events: number;
  readonly rejected: Record<DecodeErrorKind, number>;
  /** Records whose (cpu, seq) was seen before; dropped. */
  duplicates: number;
  /** Gaps in the numbers, and how many records they hold. A record that comes after all doesn't reduce them. */
  gaps: number;
  missing: number;
  /** Events that came after the reorder window had passed them; passed on as the next, out of order. */
  late: number;
  /** Events passed on before their window had passed, because too much was held. */
  hurried: number;
  orphanParts: number;
  refusedParts: number;
}

/**
 * From bytes to events: lines, records, numbers, long values, order. State changes only in `push` and `end`. The events
 * don't depend on where the chunks were cut, nor, within the reorder window, on the order of the lines.
 *
 * A `hello` is a border: all before it is passed on, and numbers and times begin anew, since a restarted producer may
 * even speak of another boot.
 */
export class StreamDecoder {
  /** The first errors of each kind, for a log. */
  readonly errors: DecodeError[] = [];
  readonly #counters = {
    lines: 0,
    comments: 0,
    records: 0,
    events: 0,
    rejected: {
      'producer-text': 0,
      'not-a-record': 0,
      'not-json': 0,
      'unknown-kind': 0,
      'missing-field': 0,
      'out-of-range': 0,
      'line-too-long': 0,
    },
    duplicates: 0,
    gaps: 0,
    missing: 0,
    late: 0,
    hurried: 0,
  };
  readonly #lines = new LineSplitter();
  readonly #fields = new FieldReader();
  readonly #sequence = new SequenceTracker();
  readonly #reorder = new ReorderBuffer();
  readonly #joiner: Joiner;
  readonly #cgroups = new CgroupPaths();
  readonly #seedFacts = new SeedFacts();
  readonly #windowNs: bigint;
  /** The producer says `seq` for every CPU each second: events wait until nothing before them can be missing. */
  #confirms = false;
  #confirmNs = CONFIRM_NS;
  /** How long a missing record may still come. */
  #patienceNs: bigint;
  /** Largest time seen since `hello`. */
  #watermarkNs = 0n;
  /** Events before it have been passed on. */
  #horizonNs = 0n;
  /** When the joiner was last swept. */
  #sweptNs = 0n;

  constructor(options: StreamDecoderOptions = {}) {
    this.#windowNs = this.#patienceNs = options.windowNs ?? REORDER_WINDOW_NS;
    this.#joiner = new Joiner(options.maxValueBytes, options.maxWaitingBytes);
  }

  get counters(): DecodeCounters {
    return { ...this.#counters, rejected: { ...this.#counters.rejected }, ...this.#joiner.counters };
  }

  /**
   * Events that can be told after this chunk.
   * @throws UnsupportedVersionError if the producer speaks a newer format; the decoder is of no use after that
   */
  push(chunk: Uint8Array): KernelEvent[] {
    const out: KernelEvent[] = [];
    for (const line of this.#lines.push(chunk)) this.#line(line, out);
    return out;
  }

  /** The stream is over: all that is still held. */
  end(): KernelEvent[] {
    const out: KernelEvent[] = [];
    for (const line of this.#lines.end()) this.#line(line, out);
    this.#flush(out);
    return out;
  }

  #line(line: Line, out: KernelEvent[]): void {
    this.#counters.lines++;
    const { text } = line;
    if (text === undefined) {
      this.#reject('line-too-long', line);
    } else if (text.startsWith('{"k":"')) {
      this.#record(text, line, out);
    } else if (text.startsWith('#')) {
      this.#counters.comments++;
    } else if (text !== '') {
      const known = PRODUCER_TEXT.some((beginning) => text.startsWith(beginning));
      this.#reject(known ? 'producer-text' : 'not-a-record', line);
    }
  }

  #record(text: string, line: Line, out: KernelEvent[]): void {
    let raw: RawRecord;
    try {
      raw = JSON.parse(text);
    } catch {
      this.#reject('not-json', line);
      return;
    }
    const fields = this.#fields;
    fields.failure = undefined;
    const decoded = decodeRecord(raw, fields);
    const number = recordNumber(raw, fields);
    if (fields.failure !== undefined) {
      // Its number stays unseen: what cannot be read is as good as lost, and the gap says so.
      const { kind, field } = fields.failure;
      this.#reject(kind, line, decoded?.kind, field);
      return;
    }
    if (decoded === undefined) {
      if (number !== undefined) this.#sequence.note(number.cpu, number.seq, this.#watermarkNs);
      this.#reject('unknown-kind', line);
      return;
    }
    this.#counters.records++;
    this.#accept(decoded, number, line.length, out);
  }

  #accept(decoded: DecodedRecord, number: RecordNumber | undefined, size: number, out: KernelEvent[]): void {
    const { tsNs } = decoded;
    if (decoded.kind === 'hello') {
      this.#flush(out);
      this.#watermarkNs = this.#horizonNs = this.#sweptNs = 0n;
      this.#cgroups.clear();
      this.#seedFacts.clear();
    }
    if (number !== undefined && this.#sequence.note(number.cpu, number.seq, tsNs) === 'duplicate') {
      this.#counters.duplicates++;
      return;
    }
    switch (decoded.kind) {
      case 'bytes':
        this.#joiner.addPiece(decoded);
        break;
      case 'env':
        this.#joiner.addVariable(decoded);
        break;
      case 'proc':
        this.#seedFacts.note(decoded);
        break;
      case 'seed':
        this.#hold(this.#seedFacts.complete(decoded), number, size, out);
        break;
      case 'seq':
        this.#sequence.expect(decoded.cpu, decoded.next, tsNs);
        if (this.#confirms && tsNs <= this.#watermarkNs) this.#advance(this.#watermarkNs, out);
        break;
      case 'lost':
        this.#sequence.explain(decoded.of, decoded.count, decoded.conn);
        this.#hold(decoded, number, size, out);
        break;
      case 'cgroup':
        this.#cgroups.note(decoded);
        this.#hold(decoded, number, size, out);
        break;
      case 'hello':
        this.#confirms = decoded.fills.includes('seq');
        if (this.#confirms && decoded.producer === 'bpftrace') this.#confirmNs = this.#patienceNs = BETWEEN_BUFFERS_NS;
        else [this.#confirmNs, this.#patienceNs] = [CONFIRM_NS, this.#windowNs];
        // It opens what follows it, so it waits for nothing, not even for records that were made before it.
        this.#pass(decoded, out);
        break;
      default:
        this.#hold(decoded, number, size, out);
    }
    if (this.#sequence.crowded) this.#findGaps(this.#horizonNs, undefined);
    if (tsNs > this.#watermarkNs) this.#advance(tsNs, out);
  }

  #hold(event: KernelEvent, number: RecordNumber | undefined, size: number, out: KernelEvent[]): void {
    let orderNs = this.#placeOf(event);
    if (event.tsNs < this.#horizonNs) {
      this.#counters.late++;
      // Not at once: its arguments come behind it.
      if (orderNs < this.#horizonNs) orderNs = this.#horizonNs;
    }
    this.#reorder.add({ event, orderNs, cpu: number?.cpu ?? -1, seq: number?.seq ?? -1, size });
    while (this.#reorder.length > MAX_HELD_EVENTS || this.#reorder.size > MAX_HELD_BYTES) {
      const earliest = this.#reorder.take(undefined);
      if (earliest === undefined) return;
      this.#counters.hurried++;
      if (earliest.tsNs > this.#horizonNs) this.#horizonNs = earliest.tsNs;
      this.#pass(earliest, out);
    }
  }

  #advance(tsNs: bigint, out: KernelEvent[]): void {
    this.#watermarkNs = tsNs;
    const windowNs = tsNs - this.#windowNs;
    this.#findGaps(tsNs - this.#patienceNs, this.#confirms ? tsNs - this.#confirmNs : undefined);
    const horizonNs = this.#confirms ? this.#confirmed(windowNs, tsNs - this.#confirmNs) : windowNs;
    if (horizonNs <= this.#horizonNs) return;
    this.#horizonNs = horizonNs;
    this.#release(horizonNs, out);
    if (horizonNs - this.#sweptNs > this.#windowNs) {
      this.#sweptNs = horizonNs;
      this.#joiner.expire(horizonNs);
    }
  }

  /** Up to when every CPU has said all, between a limit that patience sets and the reorder window. */
  #confirmed(windowNs: bigint, patienceNs: bigint): bigint {
    const confirmedNs = this.#sequence.confirmedNs() ?? windowNs;
    const least = confirmedNs > patienceNs ? confirmedNs : patienceNs;
    return least < windowNs ? least : windowNs;
  }

  /** A loss stands before all that may have come after it; one that only tells a count, before all that is held. */
  #placeOf(event: KernelEvent): bigint {
    if (event.kind !== 'lost') return event.tsNs;
    if (event.sinceNs !== undefined) return event.sinceNs + 1n;
    return this.#confirms ? this.#horizonNs : event.tsNs;
  }

  #findGaps(horizonNs: bigint | undefined, announcedOnlyNs: bigint | undefined): void {
    for (const gap of this.#sequence.giveUp(horizonNs, announcedOnlyNs)) {
      this.#counters.gaps++;
      this.#counters.missing += gap.count;
      this.#reorder.add({ event: gap, orderNs: this.#placeOf(gap), cpu: -1, seq: -1, size: 0 });
    }
  }

  #release(horizonNs: bigint | undefined, out: KernelEvent[]): void {
    for (let event = this.#reorder.take(horizonNs); event !== undefined; event = this.#reorder.take(horizonNs)) {
      this.#pass(event, out);
    }
  }

  #flush(out: KernelEvent[]): void {
    this.#findGaps(undefined, undefined);
    this.#release(undefined, out);
    this.#joiner.clear();
    this.#sequence.reset();
  }

  #pass(event: KernelEvent, out: KernelEvent[]): void {
    this.#counters.events++;
    const whole = this.#joiner.complete(event);
    this.#cgroups.complete(whole);
    out.push(whole);
  }

  #reject(kind: DecodeErrorKind, line: Line, record?: string, field?: string): void {
    const count = ++this.#counters.rejected[kind];
    if (count > MAX_KEPT_ERRORS) return;
    const { number: lineNumber, offset, length } = line;
    this.errors.push({ kind, lineNumber, offset, length, record, field });
  }
}
