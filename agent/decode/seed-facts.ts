import { decodeOptionalEndpoints } from './decode-endpoints.ts';
import { MAX_TITLE_BYTES } from './decode-process.ts';
import type { FieldReader, RawRecord } from './field-reader.ts';
import type { CutBytes, Endpoints, EnvironmentEntry, SeedEvent } from './kernel-event.ts';

/** Unit of a start time in /proc/PID/stat (USER_HZ is 100 on all machines that the producers run on). */
const TICK_NS = 10_000_000n;
/** Records that are kept; as many processes as a producer follows. */
const MAX_KEPT = 32_768;
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const MAX_COMM_BYTES = 64;
const MAX_VARIABLES = 16;

/** What a producer's user space read of a running process (`proc`), for the seed that is to come. */
export interface ProcRecord {
  readonly kind: 'proc';
  readonly tsNs: bigint;
  readonly pid: number;
  /** Start in units of 10 ms: with the pid and the name, who it was. */
  readonly ticks: bigint;
  readonly comm: Uint8Array;
  /** Of an image of sshd's own this is its title. */
  readonly argv: CutBytes | undefined;
  readonly endpoints: Partial<Endpoints>;
  readonly env: readonly EnvironmentEntry[];
}

/** @param variableOf name and value of `NAME=value`; undefined for a name that may not be told */
export function decodeProc(
  raw: RawRecord,
  read: FieldReader,
  variableOf: (data: Uint8Array) => EnvironmentEntry | undefined,
): ProcRecord {
  const bytes = read.optionalBytes(raw.argv, 'argv');
  const length = read.optionalUint(raw.argv_len, 'argv_len');
  if (bytes !== undefined && length !== undefined && length < bytes.length) read.reject('argv_len');
  if (raw.comm === undefined) read.text(raw.comm, 'comm');
  return {
    kind: 'proc',
    tsNs: read.u64(raw.ts, 'ts'),
    pid: read.uint(raw.pid, 'pid'),
    ticks: BigInt(read.uint(raw.ticks, 'ticks', Number.MAX_SAFE_INTEGER)),
    comm: read.optionalCString(raw.comm, 'comm', MAX_COMM_BYTES) ?? new Uint8Array(0),
    argv: bytes === undefined ? undefined : { bytes, length: length ?? bytes.length },
    endpoints: decodeOptionalEndpoints(raw, read),
    env: environmentOf(raw.env, read, variableOf),
  };
}

function environmentOf(
  value: unknown,
  read: FieldReader,
  variableOf: (data: Uint8Array) => EnvironmentEntry | undefined,
): EnvironmentEntry[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_VARIABLES) {
    read.reject('env');
    return [];
  }
  const found = new Map<string, EnvironmentEntry>();
  for (const item of value) {
    const entry = variableOf(read.optionalBytes(item, 'env') ?? new Uint8Array(0));
    if (entry === undefined) read.reject('env');
    // A name counts once: the first is what getenv finds.
    else if (!found.has(entry.name)) found.set(entry.name, entry);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Joins them to their seeds. What describes another process, or another program in it, is dropped: absent is never wrong. */
export class SeedFacts {
  readonly #kept = new Map<number, ProcRecord>();
  #bytes = 0;

  note(record: ProcRecord): void {
    const size = record.argv?.bytes.length ?? 0;
    if (this.#kept.size >= MAX_KEPT || this.#bytes + size > MAX_KEPT_BYTES) return;
    this.#kept.set(record.pid, record);
    this.#bytes += size;
  }

  /** The seed with what is known of it. A field that it has itself wins. */
  complete(seed: SeedEvent): SeedEvent {
    const facts = this.#kept.get(seed.process.pid);
    if (facts === undefined || !isSame(facts, seed)) return seed;
    this.#kept.delete(seed.process.pid);
    if (seed.role === 'program') {
      const env = seed.sid === seed.process.pid ? facts.env : [];
      return { ...seed, argv: facts.argv ?? seed.argv, env: seed.env.length > 0 ? seed.env : env };
    }
    const endpoints = seed.role === 'sshd' && seed.peer === undefined ? facts.endpoints : {};
    return { ...seed, title: seed.title ?? titleOf(facts.argv), ...endpoints };
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }
}

/**
 * Started in that tick, goes by that name, and has as many bytes of arguments, where both tell. What took its place since
 * and is alike in all three goes unnoticed: /proc tells no number of execs.
 */
function isSame({ ticks, comm, argv }: ProcRecord, seed: SeedEvent): boolean {
  if (seed.process.startNs / TICK_NS !== ticks) return false;
  if (seed.comm === undefined || !isEqual(seed.comm, comm)) return false;
  return seed.argv === undefined || argv === undefined || seed.argv.length === argv.length;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The words of sshd's title stand in one string. */
function titleOf(argv: CutBytes | undefined): Uint8Array | undefined {
  if (argv === undefined) return undefined;
  const nul = argv.bytes.indexOf(0);
  return argv.bytes.slice(0, Math.min(nul < 0 ? argv.bytes.length : nul, MAX_TITLE_BYTES));
}
