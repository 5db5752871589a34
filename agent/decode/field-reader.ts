import { decodeHex } from './hex.ts';
import type { CutBytes, ProcessId, Uids } from './kernel-event.ts';
import { SharedValues } from './shared-values.ts';

export const MAX_U32 = 0xffff_ffff;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const MAX_PID = 0x7fff_ffff;
/** Text of the producer itself: names, versions, addresses. */
const MAX_TEXT = 128;
const MAX_LIST = 256;
/** Decimal digits that a double holds exactly. */
const EXACT_DIGITS = 15;
/** Processes whose identity is kept, so that a repeated one costs no BigInt and is one object. */
const MAX_INTERNED = 16_384;
/** Users whose ids are kept likewise. */
const MAX_USERS = 4_096;

const PLAIN = new Uint8Array(128);
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:+~%/@-') {
  PLAIN[char.charCodeAt(0)] = 1;
}

/** Every field of the format but the conditional ones of `limits`. */
type FieldName =
  | 'argv'
  | 'argv_len'
  | 'boot_id'
  | 'by'
  | 'op'
  | 'id'
  | 'mode'
  | 'path'
  | 'path_cut'
  | 'to'
  | 'to_cut'
  | 'forced'
  | 'read'
  | 'written'
  | 'failed'
  | 'err'
  | 'cgroup'
  | 'child'
  | 'child_start'
  | 'code'
  | 'comm'
  | 'conn'
  | 'core'
  | 'cpu'
  | 'cut'
  | 'data'
  | 'exec'
  | 'family'
  | 'file'
  | 'fills'
  | 'depth'
  | 'dev'
  | 'env'
  | 'gid'
  | 'gids'
  | 'id'
  | 'ino'
  | 'max_rss'
  | 'mntns'
  | 'path'
  | 'stime'
  | 'utime'
  | 'hooks'
  | 'host'
  | 'k'
  | 'late'
  | 'len'
  | 'local'
  | 'local_port'
  | 'lost'
  | 'luid'
  | 'machine_id'
  | 'n'
  | 'new'
  | 'next'
  | 'nspid'
  | 'of'
  | 'off'
  | 'old'
  | 'path'
  | 'peer'
  | 'peer_port'
  | 'pgid'
  | 'pid'
  | 'pidns'
  | 'ppid'
  | 'producer'
  | 'pstart'
  | 'records'
  | 'ret'
  | 'retrans'
  | 'role'
  | 'rx'
  | 'seq'
  | 'ses'
  | 'sid'
  | 'signal'
  | 'since'
  | 'sk'
  | 'srtt_us'
  | 'start'
  | 'ticks'
  | 'title'
  | 'total'
  | 'ts'
  | 'tx'
  | 'type'
  | 'uid'
  | 'v'
  | 'version'
  | 'wall';

/** A record as JSON.parse gives it: nothing about a field is known yet. */
export type RawRecord = { readonly [Name in FieldName]?: unknown };

/** The first field of a record that was wrong. */
export interface FieldFailure {
  readonly kind: 'missing-field' | 'out-of-range';
  readonly field: string;
}

function parseDecimal(text: string): bigint | undefined {
  const length = text.length;
  if (length === 0 || length > 20) return undefined;
  let small = 0;
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    small = small * 10 + digit;
  }
  if (length <= EXACT_DIGITS) return BigInt(small);
  const value = BigInt(text);
  return value <= MAX_U64 ? value : undefined;
}

/**
 * Reads the fields of one record. A wrong field is remembered in `failure` and a harmless value returned, so that a
 * decoding function is a plain list of fields; whoever asks must look at `failure` before he uses the result.
 */
export class FieldReader {
  failure: FieldFailure | undefined;
  readonly #interned = new Map<number, { text: string; id: ProcessId }>();
  readonly #users = new Map<number, Uids>();
  readonly #shared = new SharedValues();

  /** Integer 0..`max`. */
  uint(value: unknown, field: string, max = MAX_U32): number {
    if (typeof value === 'number' && value >= 0 && value <= max && Number.isInteger(value)) return value + 0;
    this.#fail(value, field);
    return 0;
  }

  optionalUint(value: unknown, field: string, max = MAX_U32): number | undefined {
    return value === undefined ? undefined : this.uint(value, field, max);
  }

  /** A flag that is only written when it is set. */
  flag(value: unknown, field: string): boolean {
    return value !== undefined && this.uint(value, field, 1) === 1;
  }

  /** 64-bit value, a decimal string. */
  u64(value: unknown, field: string): bigint {
    const parsed = typeof value === 'string' ? parseDecimal(value) : undefined;
    if (parsed === undefined) this.#fail(value, field);
    return parsed ?? 0n;
  }

  optionalU64(value: unknown, field: string): bigint | undefined {
    return value === undefined ? undefined : this.u64(value, field);
  }

  /** 64-bit value that only names something: as it was written. */
  optionalName(value: unknown, field: string): string | undefined {
    return this.optionalU64(value, field) === undefined ? undefined : String(value);
  }

  /** Identity from a pid and a start time; the same object for the same process, as long as it is remembered. */
  process(pid: unknown, start: unknown, pidField = 'pid', startField = 'start'): ProcessId {
    if (typeof pid === 'number' && typeof start === 'string') {
      const known = this.#interned.get(pid);
      if (known !== undefined && known.text === start) return known.id;
    }
    const id = { pid: this.uint(pid, pidField, MAX_PID), startNs: this.u64(start, startField) };
    if (id.pid === 0) this.#fail(pid, pidField);
    if (this.failure === undefined) {
      if (this.#interned.size >= MAX_INTERNED) this.#interned.clear();
      this.#interned.set(id.pid, { text: start as string, id });
    }
    return id;
  }

  /** `[pid, "start"]`. */
  optionalConn(value: unknown): ProcessId | undefined {
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.length === 2) return this.process(value[0], value[1], 'conn', 'conn');
    this.#fail(value, 'conn');
    return undefined;
  }

  optionalUids(value: unknown, field = 'uid'): Uids | undefined {
    return value === undefined ? undefined : this.uids(value, field);
  }

  /** `[real, effective, saved]`. */
  uids(value: unknown, field = 'uid'): Uids {
    if (Array.isArray(value) && value.length === 3) {
      const real = this.uint(value[0], field);
      if (value[1] === real && value[2] === real) return this.#user(real);
      return [real, this.uint(value[1], field), this.uint(value[2], field)];
    }
    this.#fail(value, field);
    return [0, 0, 0];
  }

  /** Nearly all processes have one user id for all purposes: the same object for the same user, as long as he is remembered. */
  #user(uid: number): Uids {
    const known = this.#users.get(uid);
    if (known !== undefined) return known;
    if (this.#users.size >= MAX_USERS) this.#users.clear();
    const uids: Uids = [uid, uid, uid];
    this.#users.set(uid, uids);
    return uids;
  }

  /** Hex. */
  optionalBytes(value: unknown, field: string): Uint8Array | undefined {
    if (value === undefined) return undefined;
    const bytes = typeof value === 'string' ? decodeHex(value) : undefined;
    if (bytes === undefined) this.#fail(value, field);
    return bytes;
  }

  /** Hex of what many processes have in common; see `SharedValues`. */
  optionalShared(value: unknown, field: string): CutBytes | undefined {
    if (value === undefined) return undefined;
    const shared = typeof value === 'string' ? this.#shared.of(value) : undefined;
    if (shared === undefined) this.#fail(value, field);
    return shared;
  }

  /** Hex of a C string: what follows its first NUL is padding of a fixed buffer. */
  optionalCString(value: unknown, field: string, maxBytes: number): Uint8Array | undefined {
    const bytes = this.optionalBytes(value, field);
    if (bytes === undefined) return undefined;
    const nul = bytes.indexOf(0);
    const content = nul < 0 ? bytes : bytes.slice(0, nul);
    if (content.length > maxBytes) this.#fail(value, field);
    return content;
  }

  /** The same of what many processes have in common. */
  optionalSharedCString(value: unknown, field: string, maxBytes: number): CutBytes | undefined {
    const shared = this.optionalShared(value, field);
    if (shared === undefined) return undefined;
    const nul = shared.bytes.indexOf(0);
    const content = nul < 0 ? shared : { bytes: shared.bytes.slice(0, nul), length: nul };
    if (content.length > maxBytes) this.#fail(value, field);
    return content;
  }

  /** Word of the producer's own: plain ASCII without spaces and quotes. */
  text(value: unknown, field: string, maxLength = MAX_TEXT): string {
    if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) {
      let plain = 1;
      for (let at = 0; at < value.length; at++) plain &= PLAIN[value.charCodeAt(at)] ?? 0;
      if (plain === 1) return value;
    }
    this.#fail(value, field);
    return '';
  }

  optionalText(value: unknown, field: string, maxLength = MAX_TEXT): string | undefined {
    return value === undefined ? undefined : this.text(value, field, maxLength);
  }

  /** List of words; absent is empty. */
  texts(value: unknown, field: string): readonly string[] {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.length <= MAX_LIST) return value.map((item) => this.text(item, field));
    this.#fail(value, field);
    return [];
  }

  /** One of a few words. */
  optionalWord<Word extends string>(value: unknown, field: string, words: readonly Word[]): Word | undefined {
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) this.#fail(value, field);
    return word;
  }

  /** Says that a field is wrong for a reason that only the caller can see. */
  reject(field: string): void {
    this.failure ??= { kind: 'out-of-range', field };
  }

  #fail(value: unknown, field: string): void {
    this.failure ??= { kind: value === undefined ? 'missing-field' : 'out-of-range', field };
  }
}
