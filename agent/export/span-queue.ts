import type { SpanRecord } from '../span/span-record.ts';
import type { QueueLimits } from './options.ts';

export type Priority = SpanRecord['priority'];

/** Something that waits; `item` is opaque here. */
export interface Waiting<T> {
  readonly item: T;
  readonly priority: Priority;
  /** Estimated encoded bytes. */
  readonly bytes: number;
  /** Order of arrival, given by the queue; kept when it is put back. */
  readonly order: number;
}

/** Spans dropped because the queue was full, by priority. */
export type DroppedByPriority = [number, number, number];

/**
 * A queue bounded by count and bytes. It gives out the oldest first, whatever its priority, so that a trace leaves
 * together; when full it drops the oldest of the lowest class (2 before 1 before 0), so that a flood of port scans
 * costs port scans. What is added may itself be what is dropped.
 */
export class SpanQueue<T> {
  /** Spans dropped so far, by priority. */
  readonly dropped: DroppedByPriority = [0, 0, 0];
  readonly #limits: QueueLimits;
  readonly #classes = [new Lane<T>(), new Lane<T>(), new Lane<T>()] as const;
  #size = 0;
  #bytes = 0;
  #nextOrder = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Estimated encoded bytes of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  add(item: T, priority: Priority, bytes: number): void {
    this.#push({ item, priority, bytes, order: this.#nextOrder });
    this.#nextOrder += 1;
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

  /** Empties the queue; returns how many were in it. They do not count as dropped here. */
  clear(): number {
    const count = this.#size;
    for (const lane of this.#classes) lane.clear();
    this.#size = 0;
    this.#bytes = 0;
    return count;
  }

  #push(waiting: Waiting<T>): void {
    this.#classes[waiting.priority].push(waiting);
    this.#size += 1;
    this.#bytes += waiting.bytes;
  }

  #trim(): void {
    while (this.#size > this.#limits.maxSpans || this.#bytes > this.#limits.maxBytes) {
      const priority = this.#lowestClass();
      const victim = this.#classes[priority].shift();
      if (!victim) return;
      this.#size -= 1;
      this.#bytes -= victim.bytes;
      this.dropped[priority] += 1;
    }
  }

  #lowestClass(): Priority {
    if (this.#classes[2].head()) return 2;
    return this.#classes[1].head() ? 1 : 0;
  }

  #oldestLane(): Lane<T> | undefined {
    let oldest: Lane<T> | undefined;
    for (const lane of this.#classes) {
      const head = lane.head();
      if (head && head.order < (oldest?.head()?.order ?? Infinity)) oldest = lane;
    }
    return oldest;
  }
}

/** First in, first out, without moving the rest at each step: `shift` of a long array is linear in V8. */
class Lane<T> {
  #items: (Waiting<T> | undefined)[] = [];
  #head = 0;

  head(): Waiting<T> | undefined {
    return this.#items[this.#head];
  }

  push(waiting: Waiting<T>): void {
    this.#items.push(waiting);
  }

  shift(): Waiting<T> | undefined {
    const item = this.#items[this.#head];
    if (!item) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  unshift(items: readonly Waiting<T>[]): void {
    if (items.length === 0) return;
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
