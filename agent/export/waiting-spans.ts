/** What waits for the collector: on disk where there is a spool and it can be written, else in memory; one order for both. */
import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import type { ExportOptions, Log } from './options.ts';
import type { OutgoingSpan } from './sdk-adapter.ts';
import type { SendQueue } from './sender.ts';
import { ownerOf } from './span-owner.ts';
import { type DroppedByPriority, SpanQueue, type Waiting } from './span-queue.ts';
import { estimateSpanBytes } from './span-size.ts';
import { openSpool, type Spool, type SpoolRef } from './spool.ts';

/** A span, or where on disk it is. */
export type StoredSpan = OutgoingSpan | SpoolRef;

/** As many as fit in memory by their references alone. */
const MAX_ON_DISK = 1_000_000;

export class WaitingSpans implements SendQueue<StoredSpan> {
  /** Found on disk at the start. */
  readonly recovered: number;
  /** Finished spans that an earlier run lost when it was killed. */
  readonly lostHeld: number;
  /** Dropped because they had waited too long; they are in `dropped`, too. */
  expired = 0;
  readonly #memory: SpanQueue<StoredSpan>;
  readonly #disk: SpanQueue<StoredSpan>;
  readonly #spool: Spool | undefined;
  #nextOrder = 0;

  constructor({ queue, spool: options }: Pick<ExportOptions, 'queue' | 'spool'>, log: Log, nowMs: () => number) {
    const opened = options === undefined ? undefined : openSpool(options, log, nowMs);
    const spool = opened?.spool;
    this.#spool = spool;
    this.#memory = new SpanQueue(queue);
    const limits = { maxSpans: MAX_ON_DISK, maxBytes: spool?.maxLiveBytes ?? 0 };
    this.#disk = new SpanQueue(limits, (stored) => this.#settle(stored));
    this.recovered = opened?.waiting.length ?? 0;
    this.lostHeld = opened?.lostHeld ?? 0;
    for (const { ref, priority, owner } of opened?.waiting ?? [])
      this.#disk.add(ref, priority, ref.length, owner, this.#nextOrder++);
    this.#dropExpired();
    this.#spool?.commit();
  }

  get size(): number {
    return this.#memory.size + this.#disk.size;
  }

  /** Of these, on disk. */
  get onDisk(): number {
    return this.#disk.size;
  }

  get bytes(): number {
    return this.#memory.bytes + this.#disk.bytes;
  }

  get hasRoom(): boolean {
    return this.#memory.hasRoom && this.#disk.hasRoom;
  }

  get dropped(): DroppedByPriority {
    const [a, b] = [this.#memory.dropped, this.#disk.dropped];
    return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
  }

  /** Takes spans over, in one step. @param held finished spans that the agent has and cannot hand over yet */
  add(records: readonly SpanRecord[], resource: ResourceRecord, held: number): void {
    const refs = this.#spool?.append(records, resource, held);
    if (refs !== undefined) this.#dropExpired();
    for (const [i, record] of records.entries()) {
      const ref = refs?.[i];
      const order = this.#nextOrder++;
      const owner = ownerOf(record);
      if (ref !== undefined) this.#disk.add(ref, record.priority, ref.length, owner, order);
      else this.#memory.add({ record, resource }, record.priority, estimateSpanBytes(record), owner, order);
    }
    if (records.length > 0) this.#spool?.commit();
  }

  take(maxSpans: number, maxBytes: number): Waiting<StoredSpan>[] {
    const batch: Waiting<StoredSpan>[] = [];
    let left = maxBytes;
    while (batch.length < maxSpans) {
      const queue =
        (this.#memory.headOrder ?? Infinity) < (this.#disk.headOrder ?? Infinity) ? this.#memory : this.#disk;
      const [next] = queue.take(1, Infinity);
      if (next === undefined) break;
      if (batch.length > 0 && next.bytes > left) {
        queue.putBack([next]);
        break;
      }
      left -= next.bytes;
      batch.push(next);
    }
    return batch;
  }

  putBack(batch: readonly Waiting<StoredSpan>[]): void {
    this.#memory.putBack(batch.filter(({ item }) => 'record' in item));
    this.#disk.putBack(batch.filter(({ item }) => !('record' in item)));
  }

  /** The spans themselves. @throws Error if one is damaged on disk */
  read(stored: readonly StoredSpan[]): OutgoingSpan[] {
    return stored.map((each) => {
      if ('record' in each) return each;
      if (this.#spool === undefined) throw new Error('there is no spool');
      return this.#spool.read(each);
    });
  }

  /** Delivered or refused. */
  settled(stored: readonly StoredSpan[]): void {
    for (const each of stored) this.#settle(each);
    this.#spool?.commit();
  }

  /** The end. What is on disk stays there for the next run. */
  close(): { readonly lost: number; readonly kept: number } {
    const kept = this.#disk.clear();
    const lost = this.#memory.clear();
    this.#spool?.close();
    return { lost, kept };
  }

  #settle(stored: StoredSpan): void {
    if (!('record' in stored)) this.#spool?.settle(stored);
  }

  #dropExpired(): void {
    const spool = this.#spool;
    if (spool === undefined) return;
    const before = this.#disk.size;
    this.#disk.dropFront((stored) => !('record' in stored) && spool.isExpired(stored));
    this.expired += before - this.#disk.size;
  }
}
