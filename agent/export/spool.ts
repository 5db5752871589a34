/**
 * Spans that wait for the collector, on disk, so that they outlive the agent: each is written before it is queued, and
 * marked when it needs to wait no more. Writing is in the page cache when `append` returns, which a killed agent does not
 * undo; only a crash of the host can take the last seconds.
 *
 * Segments are given up from the oldest on. What still waits in the oldest when space is needed is copied to the newest.
 */
import { mkdirSync } from 'node:fs';
import { errorCode } from '../source/system-error.ts';
import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import type { Log, SpoolOptions } from './options.ts';
import type { OutgoingSpan } from './sdk-adapter.ts';
import { decodeRecord, encodeRecord, encodeSettled, RECORD, type RecordType } from './spool-format.ts';
import { lockSpool } from './spool-lock.ts';
import { type RecoveredSpan, recoverSpool, segmentPath } from './spool-recovery.ts';
import { type SpoolRef, SpoolSegment } from './spool-segment.ts';
import { decodeSpan, encodeResource, encodeSpan } from './spool-span.ts';

export type { SpoolRef } from './spool-segment.ts';

/** After a failure the disk is left alone for so long. */
const RETRY_MS = 10_000;

export interface OpenedSpool {
  readonly spool: Spool;
  /** What an earlier agent left, oldest first. */
  readonly waiting: readonly RecoveredSpan[];
  /** Finished spans that an earlier agent held in memory when it was killed. */
  readonly lostHeld: number;
}

/** Opens a spool; undefined if that is not possible, which has been said. */
export function openSpool(options: SpoolOptions, log: Log, nowMs: () => number): OpenedSpool | undefined {
  const { folder } = options;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const unlock = lockSpool(folder);
    if (unlock === undefined) {
      log('warn', `another agent uses ${folder}: spans wait in memory only`);
      return undefined;
    }
    const recovery = recoverSpool(folder);
    const { waiting, damagedBytes, lostHeld } = recovery;
    const spool = new Spool(options, log, nowMs, recovery, unlock);
    spool.append([], { attributes: {} }, 0);
    if (waiting.length > 0) log('info', `${waiting.length} spans of an earlier run wait in ${folder}`);
    if (damagedBytes > 0) log('warn', `${damagedBytes} bytes in ${folder} are damaged, and were passed over`);
    if (lostHeld > 0) log('warn', `an earlier run was killed: ${lostHeld} finished spans that it held back are lost`);
    return { spool, waiting, lostHeld };
  } catch (error) {
    log('warn', `spans cannot be kept in ${folder} (${errorCode(error) ?? String(error)}): they wait in memory only`);
    return undefined;
  }
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #unlock: () => void;
  readonly #segmentBytes: number;
  /** Oldest first; the last is written to. */
  readonly #segments: SpoolSegment[];
  #writable: SpoolSegment | undefined;
  #nextSegment: number;
  #nextNumber: number;
  /** Settled, and not yet said so on disk. */
  #settled: number[] = [];
  #held: number;
  #closed = false;
  #failure: { readonly reason: string; readonly retryMs: number } | undefined;

  constructor(
    options: SpoolOptions,
    log: Log,
    nowMs: () => number,
    recovery: { segments: SpoolSegment[]; nextSegment: number; nextNumber: number; lostHeld: number },
    unlock: () => void,
  ) {
    this.#options = options;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#unlock = unlock;
    this.#segments = recovery.segments;
    this.#nextSegment = recovery.nextSegment;
    this.#nextNumber = recovery.nextNumber;
    this.#held = recovery.lostHeld;
    this.#segmentBytes = Math.min(8 * 1024 * 1024, Math.max(64 * 1024, Math.floor(options.maxBytes / 16)));
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What of the bytes may wait; the rest is for what is settled and not yet given up. */
  get maxLiveBytes(): number {
    return Math.max(0, Math.floor(this.#options.maxBytes * 0.75) - this.#segmentBytes);
  }

  /** Written too long ago to be sent. */
  isExpired(ref: SpoolRef): boolean {
    return ref.writtenMs < this.#nowMs() - this.#options.maxAgeMs;
  }

  /**
   * Writes spans, and how many more the agent holds. All or none of them.
   * @returns where they are, in the same order; undefined: they are not on disk
   */
  append(records: readonly SpanRecord[], resource: ResourceRecord, held: number): SpoolRef[] | undefined {
    if (records.length === 0 && held === this.#held) return [];
    const segment = this.#prepare();
    if (segment === undefined) return undefined;
    const writtenMs = this.#nowMs();
    const pieces: Buffer[] = [];
    const refs: SpoolRef[] = [];
    let offset = segment.bytes;
    const put = (type: RecordType, payload: Buffer): void => {
      const record = encodeRecord({ type, number: this.#nextNumber, writtenMs, payload });
      if (type === RECORD.span)
        refs.push({ number: this.#nextNumber, writtenMs, segment, offset, length: record.length, resource });
      this.#nextNumber += 1;
      offset += record.length;
      pieces.push(record);
    };
    if (records.length > 0 && segment.resource !== resource) put(RECORD.resource, encodeResource(resource));
    for (const record of records) put(RECORD.span, encodeSpan(record));
    if (held !== this.#held) put(RECORD.held, uint32(held));
    if (!this.#write(segment, Buffer.concat(pieces))) return undefined;
    if (records.length > 0) segment.resource = resource;
    this.#held = held;
    for (const ref of refs) segment.live.add(ref);
    return refs;
  }

  /**
   * A span that waits.
   * @throws Error if it cannot be read, or is not what was written
   */
  read(ref: SpoolRef): OutgoingSpan {
    const record = decodeRecord(ref.segment.read(ref.offset, ref.length));
    if (record?.type !== RECORD.span || record.number !== ref.number) throw new Error('it is damaged on disk');
    return { record: decodeSpan(record.payload), resource: ref.resource };
  }

  /** It needs to wait no more: delivered, refused or dropped. */
  settle(ref: SpoolRef): void {
    if (this.#closed) return;
    ref.segment.live.delete(ref);
    this.#settled.push(ref.number);
  }

  /** Says on disk what was settled, and gives up what nobody needs. */
  commit(): void {
    if (this.#closed) return;
    this.#giveUpFront();
    if (this.#settled.length === 0) return;
    if (this.#segments.length === 0) {
      // Nothing is left that could be sent again.
      this.#settled = [];
      return;
    }
    const segment = this.#prepare();
    if (segment === undefined) return;
    const settled = this.#settled;
    const record = { type: RECORD.settled, writtenMs: this.#nowMs(), payload: encodeSettled(settled) };
    if (!this.#write(segment, encodeRecord({ ...record, number: this.#nextNumber }))) return;
    this.#nextNumber += 1;
    this.#settled = [];
  }

  /** In good order: nothing is held any more. */
  close(): void {
    this.append([], { attributes: {} }, 0);
    this.commit();
    this.#closed = true;
    // What holds nothing but marks is of no use to the next run.
    if (this.#segments.every(({ live }) => live.size === 0)) for (const segment of this.#segments) segment.remove();
    else for (const segment of this.#segments) segment.close();
    this.#unlock();
  }

  /** The segment to write to, with room made. */
  #prepare(): SpoolSegment | undefined {
    if (this.#failure !== undefined && this.#nowMs() < this.#failure.retryMs) return undefined;
    if (this.#writable !== undefined && this.#writable.bytes < this.#segmentBytes) return this.#writable;
    try {
      const segment = new SpoolSegment(segmentPath(this.#options.folder, this.#nextSegment), 'new');
      this.#nextSegment += 1;
      this.#segments.push(segment);
      this.#writable = segment;
      // It may be the last that stays, so it must tell.
      this.#held = -1;
      this.#giveUpFront();
      while (this.bytes > this.#options.maxBytes - this.#segmentBytes && this.#copyOldest(segment));
      return segment;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #giveUpFront(): void {
    for (let [oldest] = this.#segments; oldest !== undefined; [oldest] = this.#segments) {
      if (oldest === this.#writable || oldest.live.size > 0) return;
      oldest.remove();
      this.#segments.shift();
    }
  }

  /** Copies what waits in the oldest segment to `target`, and removes that segment. False: there is none, or it failed. */
  #copyOldest(target: SpoolSegment): boolean {
    const [oldest] = this.#segments;
    if (oldest === undefined || oldest === target) return false;
    for (const ref of [...oldest.live].sort((a, b) => a.number - b.number)) {
      const bytes = oldest.read(ref.offset, ref.length);
      const needsResource = target.resource !== ref.resource;
      const resource = {
        type: RECORD.resource,
        number: ref.number,
        writtenMs: 0,
        payload: encodeResource(ref.resource),
      };
      const prefix = needsResource ? encodeRecord(resource) : Buffer.alloc(0);
      const offset = target.append(Buffer.concat([prefix, bytes]));
      target.resource = ref.resource;
      oldest.live.delete(ref);
      ref.segment = target;
      ref.offset = offset + prefix.length;
      target.live.add(ref);
    }
    oldest.remove();
    this.#segments.shift();
    return true;
  }

  #write(segment: SpoolSegment, bytes: Buffer): boolean {
    try {
      segment.append(bytes);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    if (this.#failure !== undefined) this.#log('info', `spans are kept in ${this.#options.folder} again`);
    this.#failure = undefined;
    return true;
  }

  #fail(error: unknown): void {
    const reason = errorCode(error) ?? String(error);
    if (this.#failure?.reason !== reason)
      this.#log('warn', `spans cannot be kept in ${this.#options.folder} (${reason}): new ones wait in memory only`);
    this.#failure = { reason, retryMs: this.#nowMs() + RETRY_MS };
  }
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Math.min(number, 0xffff_ffff));
  return bytes;
}
