import { decodeFile } from './decode-file.ts';
import {
  decodeExec,
  decodeExecFail,
  decodeExit,
  decodeFork,
  decodeSeed,
  decodeSetresuid,
  decodeSetsid,
  decodeUntracked,
} from './decode-process.ts';
import { decodeAccept, decodeDrop, decodeForward, decodeLog, decodeMonitorMessage, decodeTcp } from './decode-sshd.ts';
import {
  decodeCgroup,
  decodeClock,
  decodeEnd,
  decodeHello,
  decodeLost,
  decodeSeedEnd,
  MAX_COUNT,
} from './decode-stream.ts';
import type { FieldReader, RawRecord } from './field-reader.ts';
import type { EnvironmentEntry, KernelEvent } from './kernel-event.ts';
import { decodeProc, type ProcRecord } from './seed-facts.ts';

/** Values that may go on in `bytes` records. */
export const LONG_VALUES = ['argv', 'file', 'mon', 'log'] as const;
export type LongValue = (typeof LONG_VALUES)[number];

/** Part of a long value (`bytes`). */
export interface PieceRecord {
  readonly kind: 'bytes';
  readonly of: LongValue;
  /** Of the head record. */
  readonly pid: number;
  readonly tsNs: bigint;
  /** Pid of the connection's monitor, if stamped: who pays for the memory. */
  readonly owner: number;
  readonly offset: number;
  /** True length of the whole value. */
  readonly total: number;
  /** May be shorter than was meant: a hole. */
  readonly data: Uint8Array;
}

/** The allow-list (ebpf/README.md, `env`). A name beyond it is refused here too, should a producer ever copy more. */
const ENVIRONMENT_NAMES = [
  'SSH_CONNECTION',
  'SSH_CLIENT',
  'SSH_TTY',
  'SSH_ORIGINAL_COMMAND',
  'TRACEPARENT',
  'TRACESTATE',
] as const;

/** One variable of a session leader's first exec (`env`). */
export interface EnvironmentRecord {
  readonly kind: 'env';
  readonly pid: number;
  readonly tsNs: bigint;
  readonly owner: number;
  readonly name: string;
  readonly value: { readonly bytes: Uint8Array; readonly length: number };
}

/** How many records a CPU has tried to make (`seq`). */
export interface SequenceRecord {
  readonly kind: 'seq';
  readonly tsNs: bigint;
  readonly cpu: number;
  readonly next: number;
}

/** What a record becomes: an event, or a part that only the decode stage sees. */
export type DecodedRecord = KernelEvent | PieceRecord | EnvironmentRecord | SequenceRecord | ProcRecord;

const MAX_CPU = 65_535;
const EQUALS = 0x3d;

function decodePiece(raw: RawRecord, read: FieldReader): PieceRecord {
  const pid = read.uint(raw.pid, 'pid');
  const of = read.optionalWord(raw.of, 'of', LONG_VALUES);
  if (raw.of === undefined) read.text(raw.of, 'of');
  const offset = read.uint(raw.off, 'off');
  const length = read.uint(raw.len, 'len');
  const total = read.uint(raw.total, 'total');
  const data = read.optionalBytes(raw.data, 'data') ?? new Uint8Array(0);
  if (data.length > length) read.reject('len');
  if (offset + length > total) read.reject('total');
  const owner = read.optionalConn(raw.conn)?.pid ?? pid;
  return { kind: 'bytes', of: of ?? 'argv', pid, tsNs: read.u64(raw.ts, 'ts'), owner, offset, total, data };
}

/** `NAME=value` of a name that may be told. */
function variableOf(data: Uint8Array): EnvironmentEntry | undefined {
  const equals = data.indexOf(EQUALS);
  const head = String.fromCharCode(...data.subarray(0, Math.min(Math.max(equals, 0), 32)));
  const name = ENVIRONMENT_NAMES.find((candidate) => candidate === head);
  const bytes = data.slice(equals + 1);
  return name === undefined ? undefined : { name, value: { bytes, length: bytes.length } };
}

function decodeEnvironment(raw: RawRecord, read: FieldReader): EnvironmentRecord {
  const pid = read.uint(raw.pid, 'pid');
  const tsNs = read.u64(raw.ts, 'ts');
  const owner = read.optionalConn(raw.conn)?.pid ?? pid;
  const data = read.optionalCString(raw.data, 'data', Number.MAX_SAFE_INTEGER) ?? new Uint8Array(0);
  if (raw.data === undefined) read.text(raw.data, 'data');
  const variable = variableOf(data);
  if (variable === undefined) read.reject('data');
  const { name, value } = variable ?? { name: '', value: { bytes: new Uint8Array(0), length: 0 } };
  const { bytes } = value;
  const cut = read.flag(raw.cut, 'cut');
  const told = read.optionalUint(raw.len, 'len');
  if (told !== undefined && told < data.length) read.reject('len');
  // Cut, but nobody counted: at least one byte is missing.
  const length = told === undefined ? bytes.length + (cut ? 1 : 0) : told - name.length - 1;
  return { kind: 'env', pid, tsNs, owner, name, value: { bytes, length } };
}

function decodeSequence(raw: RawRecord, read: FieldReader): SequenceRecord {
  return {
    kind: 'seq',
    tsNs: read.u64(raw.ts, 'ts'),
    cpu: read.uint(raw.cpu, 'cpu', MAX_CPU),
    next: read.uint(raw.next, 'next', MAX_COUNT),
  };
}

const DECODERS: ReadonlyMap<unknown, (raw: RawRecord, read: FieldReader) => DecodedRecord> = new Map<
  unknown,
  (raw: RawRecord, read: FieldReader) => DecodedRecord
>([
  ['fork', decodeFork],
  ['exec', decodeExec],
  ['bytes', decodePiece],
  ['exit', decodeExit],
  ['setresuid', decodeSetresuid],
  ['setsid', decodeSetsid],
  ['mon', decodeMonitorMessage],
  ['log', decodeLog],
  ['env', decodeEnvironment],
  ['tcp', decodeTcp],
  ['accept', decodeAccept],
  ['drop', decodeDrop],
  ['forward', decodeForward],
  ['file', decodeFile],
  ['execfail', decodeExecFail],
  ['untracked', decodeUntracked],
  ['clock', decodeClock],
  ['seq', decodeSequence],
  ['lost', decodeLost],
  ['cgroup', decodeCgroup],
  ['seed', decodeSeed],
  ['proc', (raw, read) => decodeProc(raw, read, variableOf)],
  ['seed-end', decodeSeedEnd],
  ['hello', decodeHello],
  ['end', decodeEnd],
]);

/** Where a record stands among those of its CPU; absent on records of the producer's user space. */
export interface RecordNumber {
  readonly cpu: number;
  readonly seq: number;
}

/** `cpu` and `seq`, if it has both. */
export function recordNumber(raw: RawRecord, read: FieldReader): RecordNumber | undefined {
  if (raw.seq === undefined || raw.cpu === undefined) return undefined;
  return { cpu: read.uint(raw.cpu, 'cpu', MAX_CPU), seq: read.uint(raw.seq, 'seq', MAX_COUNT - 1) };
}

/**
 * One record, or undefined if its kind is unknown. The result is only valid if `read.failure` is undefined after it.
 * @throws UnsupportedVersionError for a `hello` of a newer format
 */
export function decodeRecord(raw: RawRecord, read: FieldReader): DecodedRecord | undefined {
  return DECODERS.get(raw.k)?.(raw, read);
}
