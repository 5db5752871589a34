import type { EnvironmentRecord, LongValue, PieceRecord } from './decode-record.ts';
import type { CutBytes, EnvironmentEntry, KernelEvent } from './kernel-event.ts';
import { joinPieces, type Piece } from './pieces.ts';

/** Longest value that is put together; its true length is kept in any case. */
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;
/** All values that wait for their head, together. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** What an entry costs beside its bytes; also bounds a flood of empty ones. */
const ENTRY_BYTES = 160;

interface WaitingValue {
  total: number;
  readonly pieces: Piece[];
  size: number;
  /** A piece was refused: what follows would stand behind a hole. */
  full: boolean;
}

/** What has come for one head record that hasn't been passed on yet. */
interface Waiting {
  readonly key: string;
  readonly owner: number;
  readonly tsNs: bigint;
  readonly values: Map<LongValue, WaitingValue>;
  readonly env: Map<string, EnvironmentEntry>;
  size: number;
}

/** Counted, never silent. */
export interface JoinerCounters {
  /** Parts whose head never came, or had been passed on. */
  orphanParts: number;
  /** Parts that were refused because a value or all of them together grew beyond the limits. */
  refusedParts: number;
}

function key(pid: number, tsNs: bigint): string {
  return `${pid} ${tsNs}`;
}

/**
 * Joins long values and environment variables to their head record, named by its pid and time. Parts may come before
 * their head. Memory is bounded; when it is full the owner (connection) who holds the most pays, not his neighbour.
 */
export class Joiner {
  readonly counters: JoinerCounters = { orphanParts: 0, refusedParts: 0 };
  readonly #waiting = new Map<string, Waiting>();
  readonly #sizeOfOwner = new Map<number, number>();
  readonly #maxValueBytes: number;
  readonly #maxWaitingBytes: number;
  #size = 0;

  constructor(maxValueBytes = MAX_VALUE_BYTES, maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#maxValueBytes = maxValueBytes;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** Bytes held now, with what keeping them costs. */
  get size(): number {
    return this.#size;
  }

  addPiece(piece: PieceRecord): void {
    const waiting = this.#waitingFor(piece);
    let value = waiting.values.get(piece.of);
    if (value === undefined) {
      value = { total: 0, pieces: [], size: 0, full: false };
      waiting.values.set(piece.of, value);
    }
    value.total = Math.max(value.total, piece.total);
    if (piece.data.length === 0) return;
    const size = piece.data.length + ENTRY_BYTES;
    if (value.full || value.size + piece.data.length > this.#maxValueBytes || !this.#makeRoom(waiting, size)) {
      value.full = true;
      this.counters.refusedParts++;
      return;
    }
    value.pieces.push({ offset: piece.offset, data: piece.data });
    value.size += piece.data.length;
    this.#grow(waiting, size);
  }

  addVariable(variable: EnvironmentRecord): void {
    const waiting = this.#waitingFor(variable);
    // A name counts once: the first is what getenv finds.
    if (waiting.env.has(variable.name)) return;
    const size = variable.value.bytes.length + ENTRY_BYTES;
    if (!this.#makeRoom(waiting, size)) {
      this.counters.refusedParts++;
      return;
    }
    waiting.env.set(variable.name, { name: variable.name, value: variable.value });
    this.#grow(waiting, size);
  }

  /** The event with all that has come for it; it will get nothing more. */
  complete(event: KernelEvent): KernelEvent {
    if (this.#waiting.size === 0 || !('process' in event)) return event;
    const waiting = this.#waiting.get(key(event.process.pid, event.tsNs));
    if (waiting === undefined) return event;
    switch (event.kind) {
      case 'exec':
      case 'seed': {
        this.#forget(waiting);
        const argv = this.#join(event.argv, waiting.values.get('argv'));
        const file = this.#join(event.file, waiting.values.get('file'));
        const env = [...waiting.env.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        return { ...event, argv, file, env };
      }
      case 'execfail':
        this.#forget(waiting);
        return { ...event, file: this.#join(event.file, waiting.values.get('file')) };
      case 'mon':
      case 'log':
        this.#forget(waiting);
        return { ...event, data: this.#join(event.data, waiting.values.get(event.kind)) ?? event.data };
      default:
        // Another record of the same process at the same time, such as a setsid noticed late.
        return event;
    }
  }

  /** Drops what waited for heads before `horizonNs`. */
  expire(horizonNs: bigint): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.tsNs < horizonNs) this.#orphan(waiting);
    }
  }

  clear(): void {
    for (const waiting of this.#waiting.values()) this.#orphan(waiting);
  }

  #join(head: CutBytes | undefined, value: WaitingValue | undefined): CutBytes | undefined {
    if (value === undefined) return head;
    const bytes = joinPieces(head?.bytes ?? new Uint8Array(0), value.pieces);
    return { bytes, length: Math.max(head?.length ?? 0, value.total, bytes.length) };
  }

  #waitingFor(part: { pid: number; tsNs: bigint; owner: number }): Waiting {
    const name = key(part.pid, part.tsNs);
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      waiting = { key: name, owner: part.owner, tsNs: part.tsNs, values: new Map(), env: new Map(), size: 0 };
      this.#waiting.set(name, waiting);
      this.#makeRoom(waiting, ENTRY_BYTES);
      this.#grow(waiting, ENTRY_BYTES);
    }
    return waiting;
  }

  /** True if `size` more bytes fit, after the greediest owner was made to give some back if need be. */
  #makeRoom(waiting: Waiting, size: number): boolean {
    while (this.#size + size > this.#maxWaitingBytes) {
      const greediest = this.#greediestOwner();
      if (greediest === undefined || greediest === waiting.owner) return false;
      const largest = this.#largestOf(greediest);
      if (largest === undefined) return false;
      this.counters.refusedParts += this.#empty(largest);
    }
    return true;
  }

  #greediestOwner(): number | undefined {
    let greediest: number | undefined;
    let most = 0;
    for (const [owner, size] of this.#sizeOfOwner) {
      if (size > most) {
        most = size;
        greediest = owner;
      }
    }
    return greediest;
  }

  /** The entry of this owner that holds the most beyond what an empty one costs. */
  #largestOf(owner: number): Waiting | undefined {
    let largest: Waiting | undefined;
    for (const waiting of this.#waiting.values()) {
      if (waiting.owner !== owner || waiting.size <= ENTRY_BYTES) continue;
      if (largest === undefined || waiting.size > largest.size) largest = waiting;
    }
    return largest;
  }

  /** Throws away the parts but keeps the true lengths. Returns how many parts it threw away. */
  #empty(waiting: Waiting): number {
    let parts = waiting.env.size;
    for (const value of waiting.values.values()) {
      parts += value.pieces.length;
      value.pieces.length = 0;
      value.size = 0;
      value.full = true;
    }
    waiting.env.clear();
    this.#grow(waiting, ENTRY_BYTES - waiting.size);
    return parts;
  }

  #orphan(waiting: Waiting): void {
    let parts = waiting.env.size;
    for (const value of waiting.values.values()) parts += value.pieces.length;
    this.counters.orphanParts += Math.max(parts, 1);
    this.#forget(waiting);
  }

  #forget(waiting: Waiting): void {
    this.#waiting.delete(waiting.key);
    this.#grow(waiting, -waiting.size);
  }

  #grow(waiting: Waiting, size: number): void {
    waiting.size += size;
    this.#size += size;
    const owned = (this.#sizeOfOwner.get(waiting.owner) ?? 0) + size;
    if (owned > 0) this.#sizeOfOwner.set(waiting.owner, owned);
    else this.#sizeOfOwner.delete(waiting.owner);
  }
}
