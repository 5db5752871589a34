/**
 * How records stand in a segment of the spool: 28 bytes of header, then the payload, all numbers little-endian.
 *
 *     0  magic "SOSP"   4  type   5  zero   6  number (48 bit)   12  ms since 1970 (48 bit)   18  zero (16 bit)
 *     20  length of the payload   24  CRC-32 of bytes 4..23 and the payload
 *
 * A record is whole or it is none: whatever a crash or a full disk left behind is passed over up to the next whole one.
 */
import { crc32 } from 'node:zlib';

export const HEADER_BYTES = 28;
/** A span of 16 MiB of arguments and all that is escaped in it; a larger length is damage. */
const MAX_PAYLOAD_BYTES = 128 * 1024 * 1024;
const MAGIC = Buffer.from('SOSP', 'latin1');

export const RECORD = {
  /** A span that waits. Payload: JSON; its number names it. */
  span: 1,
  /** The resource of all spans that follow in this segment. */
  resource: 2,
  /** Spans that wait no more. Payload: numbers of 48 bits, each with a count of 32 bits of numbers in a row. */
  settled: 3,
  /** How many finished spans the agent holds that are not here yet. Payload: 32 bits. */
  held: 4,
} as const;

export type RecordType = (typeof RECORD)[keyof typeof RECORD];

export interface SpoolRecord {
  readonly type: RecordType;
  readonly number: number;
  /** When it was written, ms since 1970. */
  readonly writtenMs: number;
  readonly payload: Buffer;
}

export function encodeRecord({ type, number, writtenMs, payload }: SpoolRecord): Buffer {
  const record = Buffer.alloc(HEADER_BYTES + payload.length);
  MAGIC.copy(record, 0);
  record.writeUInt8(type, 4);
  record.writeUIntLE(number, 6, 6);
  record.writeUIntLE(Math.max(0, Math.trunc(writtenMs)), 12, 6);
  record.writeUInt32LE(payload.length, 20);
  payload.copy(record, HEADER_BYTES);
  record.writeUInt32LE(checksum(record), 24);
  return record;
}

/** The record that begins at the start of `bytes`, or undefined if none does. */
export function decodeRecord(bytes: Buffer): SpoolRecord | undefined {
  if (bytes.length < HEADER_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return undefined;
  const length = bytes.readUInt32LE(20);
  if (length > MAX_PAYLOAD_BYTES || HEADER_BYTES + length > bytes.length) return undefined;
  const record = bytes.subarray(0, HEADER_BYTES + length);
  if (record.readUInt32LE(24) !== checksum(record)) return undefined;
  const type = Object.values(RECORD).find((each) => each === record.readUInt8(4));
  if (type === undefined) return undefined;
  return {
    type,
    number: record.readUIntLE(6, 6),
    writtenMs: record.readUIntLE(12, 6),
    payload: record.subarray(HEADER_BYTES),
  };
}

function checksum(record: Buffer): number {
  return crc32(record.subarray(HEADER_BYTES), crc32(record.subarray(4, 24)));
}

export interface FoundRecord extends SpoolRecord {
  readonly offset: number;
  /** Header included. */
  readonly length: number;
}

export interface Scan {
  readonly records: FoundRecord[];
  /** Bytes that are no record, but for those at the end. */
  readonly damaged: number;
  /** Bytes at the end that are no whole record: it was being written when the agent died. */
  readonly torn: number;
}

/** All records of a segment, in order. */
export function scanSegment(bytes: Buffer): Scan {
  const records: FoundRecord[] = [];
  let damaged = 0;
  let unread = 0;
  for (let offset = 0; offset < bytes.length; ) {
    const record = decodeRecord(bytes.subarray(offset));
    if (record !== undefined) {
      const length = HEADER_BYTES + record.payload.length;
      records.push({ ...record, offset, length });
      damaged += unread;
      unread = 0;
      offset += length;
      continue;
    }
    const next = bytes.indexOf(MAGIC, offset + 1);
    const to = next < 0 ? bytes.length : next;
    unread += to - offset;
    offset = to;
  }
  return { records, damaged, torn: unread };
}

/** Ascending numbers as runs. */
export function encodeSettled(numbers: readonly number[]): Buffer {
  const runs: [first: number, count: number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === number) last[1] += 1;
    else runs.push([number, 1]);
  }
  const payload = Buffer.alloc(runs.length * 10);
  runs.forEach(([first, count], i) => {
    payload.writeUIntLE(first, i * 10, 6);
    payload.writeUInt32LE(count, i * 10 + 6);
  });
  return payload;
}

export function decodeSettled(payload: Buffer): [first: number, count: number][] {
  const runs: [number, number][] = [];
  for (let at = 0; at + 10 <= payload.length; at += 10) {
    runs.push([payload.readUIntLE(at, 6), payload.readUInt32LE(at + 6)]);
  }
  return runs;
}
