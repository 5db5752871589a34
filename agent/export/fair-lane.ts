/** Something that waits; `item` is opaque here. */
export interface Waiting<T> {
  readonly item: T;
  readonly priority: 0 | 1 | 2;
  /** What it counts towards the bytes of the queue. */
  readonly bytes: number;
  /** Order of arrival; kept when it is put back. */
  readonly order: number;
  /** Whose it is: whoever has most of what waits is the first to lose some. */
  readonly owner: string;
}

interface Entry<T> {
  readonly waiting: Waiting<T>;
  /** Taken or dropped; still in one of the lists. */
  gone: boolean;
}

interface Owned<T> {
  readonly entries: List<Entry<T>>;
  bytes: number;
  /** Power of two of its bytes. */
  size: number;
}

/**
 * One class of a queue. It gives out the oldest first, whosever it is; what must go is the oldest of the owner who has most
 * (within a factor of two, which makes each step constant in time), so that one connection's flood costs that connection.
 */
export class FairLane<T> {
  readonly #entries = new List<Entry<T>>();
  readonly #owners = new Map<string, Owned<T>>();
  /** Owners by size; in each the one that has been of this size longest comes first. */
  readonly #sizes: Set<string>[] = [];

  head(): Waiting<T> | undefined {
    return this.#oldest(this.#entries)?.waiting;
  }

  push(waiting: Waiting<T>): void {
    const entry = { waiting, gone: false };
    this.#entries.push(entry);
    this.#owned(waiting.owner).entries.push(entry);
    this.#weigh(waiting.owner, waiting.bytes);
  }

  /** Takes the oldest. */
  shift(): Waiting<T> | undefined {
    return this.#remove(this.#oldest(this.#entries));
  }

  /** Takes what should go when there is too much. */
  shiftHeaviest(): Waiting<T> | undefined {
    const [owner] = this.#sizes.findLast((owners) => owners.size > 0) ?? [];
    const owned = owner === undefined ? undefined : this.#owners.get(owner);
    return owned === undefined ? undefined : this.#remove(this.#oldest(owned.entries));
  }

  /** Puts back what was taken, in ascending order: it is older than all that waits, or may stand in front of it. */
  unshift(items: readonly Waiting<T>[]): void {
    if (items.length === 0) return;
    const entries = items.map((waiting) => ({ waiting, gone: false }));
    this.#entries.unshift(entries);
    for (const [owner, own] of Map.groupBy(entries, ({ waiting }) => waiting.owner)) {
      this.#owned(owner).entries.unshift(own);
      for (const { waiting } of own) this.#weigh(owner, waiting.bytes);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#owners.clear();
    this.#sizes.length = 0;
  }

  #oldest(list: List<Entry<T>>): Entry<T> | undefined {
    for (let entry = list.head(); entry !== undefined; entry = list.head()) {
      if (!entry.gone) return entry;
      list.shift();
    }
    return undefined;
  }

  #remove(entry: Entry<T> | undefined): Waiting<T> | undefined {
    if (entry === undefined) return undefined;
    entry.gone = true;
    const { owner, bytes } = entry.waiting;
    this.#weigh(owner, -bytes);
    const owned = this.#owners.get(owner);
    if (owned === undefined) return entry.waiting;
    // What was dropped from the middle of the lane stays in it until it is passed: never more than as much again.
    this.#entries.sweep(({ gone }) => gone);
    if (this.#oldest(owned.entries) === undefined) {
      this.#sizes[owned.size]?.delete(owner);
      this.#owners.delete(owner);
    }
    return entry.waiting;
  }

  #owned(owner: string): Owned<T> {
    const known = this.#owners.get(owner);
    if (known !== undefined) return known;
    const owned = { entries: new List<Entry<T>>(), bytes: 0, size: 0 };
    this.#owners.set(owner, owned);
    return owned;
  }

  #weigh(owner: string, bytes: number): void {
    const owned = this.#owners.get(owner);
    if (owned === undefined) return;
    owned.bytes += bytes;
    const size = Math.ceil(Math.log2(Math.max(owned.bytes, 1)));
    if (size !== owned.size) this.#sizes[owned.size]?.delete(owner);
    owned.size = size;
    while (this.#sizes.length <= size) this.#sizes.push(new Set());
    this.#sizes[size]?.add(owner);
  }
}

/** First in, first out, without moving the rest at each step: `shift` of a long array is linear in V8. */
class List<E> {
  #entries: (E | undefined)[] = [];
  #head = 0;
  /** Removals since the last sweep. */
  #unswept = 0;

  head(): E | undefined {
    return this.#entries[this.#head];
  }

  push(entry: E): void {
    this.#entries.push(entry);
  }

  shift(): void {
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  unshift(entries: readonly E[]): void {
    this.#entries = [...entries, ...this.#entries.slice(this.#head)];
    this.#head = 0;
  }

  /** Call it once for each entry that is gone. */
  sweep(isGone: (entry: E) => boolean): void {
    this.#unswept += 1;
    if (this.#unswept < 1024 || this.#unswept * 2 < this.#entries.length - this.#head) return;
    this.#unswept = 0;
    this.#entries = this.#entries.slice(this.#head).filter((entry) => entry !== undefined && !isGone(entry));
    this.#head = 0;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
  }
}
