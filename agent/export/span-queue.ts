import type { SpanRecord } from '../span/span-record.ts';
import { FairLane, type Waiting } from './fair-lane.ts';
import type { QueueLimits } from './options.ts';

export type { Waiting } from './fair-lane.ts';
export type Priority = SpanRecord['priority'];

/** Spans dropped because the queue was full, by priority. */
export type DroppedByPriority = [number, number, number];

/**
 * A queue bounded by count and bytes. It gives out the oldest first, whatever its priority, so that a trace leaves
 * together; when full it drops from the lowest class (2 before 1 before 0), so that a flood of port scans costs port scans,
 * and there the oldest of the owner who has most, so that one connection's flood costs that connection. What is added may
 * itself be what is dropped.
 */
export class SpanQueue<T> {
  /** Spans dropped so far, by priority. */
  readonly dropped: DroppedByPriority = [0, 0, 0];
  readonly #limits: QueueLimits;
  readonly #onDrop: ((item: T) => void) | undefined;
  readonly #classes = [new FairLane<T>(), new FairLane<T>(), new FairLane<T>()] as const;
  #size = 0;
  #bytes = 0;
  #nextOrder = 0;

  /** @param onDrop told each item that is dropped */
  constructor(limits: QueueLimits, onDrop?: (item: T) => void) {
    this.#limits = limits;
    this.#onDrop = onDrop;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At most half of it is in use. */
  get hasRoom(): boolean {
    return this.#size <= this.#limits.maxSpans / 2 && this.#bytes <= this.#limits.maxBytes / 2;
  }

  /** Order of the item that `take` would give first. */
  get headOrder(): number | undefined {
    return this.#oldestLane()?.head()?.order;
  }

  /** @param owner whose it is, for fairness */
  add(item: T, priority: Priority, bytes: number, owner = '', order = this.#nextOrder): void {
    this.#nextOrder = Math.max(this.#nextOrder, order + 1);
    this.#classes[priority].push({ item, priority, bytes, order, owner });
    this.#size += 1;
    this.#bytes += bytes;
    this.#trim();
  }

  /** Takes up to `maxSpans` of up to `maxBytes`, oldest first; at least one if any waits. */
  take(maxSpans: number, maxBytes: number): Waiting<T>[] {
    const batch: Waiting<T>[] = [];
    let bytes = 0;
    while (batch.length < maxSpans) {
      const lane = this.#oldestLane();
      const head = lane?.head();
      if (!lane || !head || (batch.length > 0 && bytes + head.bytes > maxBytes)) break;
      lane.shift();
      this.#size -= 1;
      this.#bytes -= head.bytes;
      bytes += head.bytes;
      batch.push(head);
    }
    return batch;
  }

  /** Returns what was taken and could not be delivered to where it stood. */
  putBack(batch: readonly Waiting<T>[]): void {
    const ordered = [...batch].sort((a, b) => a.order - b.order);
    for (const priority of [0, 1, 2] as const) {
      this.#classes[priority].unshift(ordered.filter((waiting) => waiting.priority === priority));
    }
    this.#size += ordered.length;
    for (const waiting of ordered) this.#bytes += waiting.bytes;
    this.#trim();
  }

  /** Drops from the front what `isOver` says of; counted like what a full queue drops. */
  dropFront(isOver: (item: T) => boolean): void {
    for (const priority of [0, 1, 2] as const) {
      const lane = this.#classes[priority];
      for (let head = lane.head(); head !== undefined && isOver(head.item); head = lane.head()) {
        this.#drop(lane.shift());
      }
    }
  }

  /** Empties the queue; returns how many were in it. They do not count as dropped here. */
  clear(): number {
    const count = this.#size;
    for (const lane of this.#classes) lane.clear();
    this.#size = 0;
    this.#bytes = 0;
    return count;
  }

  #trim(): void {
    while (this.#size > this.#limits.maxSpans || this.#bytes > this.#limits.maxBytes) {
      const victim = this.#classes[this.#lowestClass()].shiftHeaviest();
      if (!victim) return;
      this.#drop(victim);
    }
  }

  #drop(victim: Waiting<T> | undefined): void {
    if (victim === undefined) return;
    this.#size -= 1;
    this.#bytes -= victim.bytes;
    this.dropped[victim.priority] += 1;
    this.#onDrop?.(victim.item);
  }

  #lowestClass(): Priority {
    if (this.#classes[2].head()) return 2;
    return this.#classes[1].head() ? 1 : 0;
  }

  #oldestLane(): FairLane<T> | undefined {
    let oldest: FairLane<T> | undefined;
    for (const lane of this.#classes) {
      const head = lane.head();
      if (head && head.order < (oldest?.head()?.order ?? Infinity)) oldest = lane;
    }
    return oldest;
  }
}
