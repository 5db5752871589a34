import { UnsupportedVersionError } from './decode-error.ts';
import type { FieldReader, RawRecord } from './field-reader.ts';
import type { CgroupEvent, ClockEvent, EndEvent, HelloEvent, LostEvent, SeedEndEvent } from './kernel-event.ts';

/** Version of the event format that this agent reads. */
export const FORMAT_VERSION = 1;
const MAX_HOST_BYTES = 255;

/** Counts of records stay below 2^53 in the format. */
export const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** @throws UnsupportedVersionError if the producer speaks a newer format */
export function decodeHello(raw: RawRecord, read: FieldReader): HelloEvent {
  const version = read.uint(raw.v, 'v');
  if (version > FORMAT_VERSION) throw new UnsupportedVersionError(version, FORMAT_VERSION);
  const host = read.optionalCString(raw.host, 'host', MAX_HOST_BYTES);
  return {
    kind: 'hello',
    tsNs: read.u64(raw.ts, 'ts'),
    version,
    producer: read.text(raw.producer, 'producer'),
    producerVersion: read.text(raw.version, 'version'),
    hooks: read.texts(raw.hooks, 'hooks'),
    fills: read.texts(raw.fills, 'fills'),
    bootId: read.optionalText(raw.boot_id, 'boot_id', 36),
    machineId: read.optionalText(raw.machine_id, 'machine_id', 32),
    hostName: host === undefined ? undefined : new TextDecoder().decode(host),
    pidNamespace: read.optionalUint(raw.pidns, 'pidns'),
  };
}

export function decodeClock(raw: RawRecord, read: FieldReader): ClockEvent {
  return { kind: 'clock', tsNs: read.u64(raw.ts, 'ts'), wallNs: read.u64(raw.wall, 'wall') };
}

export function decodeSeedEnd(raw: RawRecord, read: FieldReader): SeedEndEvent {
  return { kind: 'seed-end', tsNs: read.u64(raw.ts, 'ts'), count: read.uint(raw.n, 'n', MAX_COUNT) };
}

export function decodeLost(raw: RawRecord, read: FieldReader): LostEvent {
  return {
    kind: 'lost',
    tsNs: read.u64(raw.ts, 'ts'),
    sinceNs: read.optionalU64(raw.since, 'since'),
    of: read.text(raw.of, 'of'),
    count: read.uint(raw.n, 'n', MAX_COUNT),
    conn: read.optionalConn(raw.conn),
  };
}

export function decodeEnd(raw: RawRecord, read: FieldReader): EndEvent {
  return {
    kind: 'end',
    tsNs: read.u64(raw.ts, 'ts'),
    records: read.optionalUint(raw.records, 'records', MAX_COUNT),
    lost: read.optionalUint(raw.lost, 'lost', MAX_COUNT),
  };
}

/** Depth to which the kernel lets cgroups be nested, by far. */
const MAX_CGROUP_DEPTH = 65_535;
const MAX_CGROUP_PATH = 1_024;
const SLASH = 0x2f;

export function decodeCgroup(raw: RawRecord, read: FieldReader): CgroupEvent {
  const id = read.optionalName(raw.id, 'id');
  if (id === undefined) read.text(raw.id, 'id');
  const depth = read.uint(raw.depth, 'depth', MAX_CGROUP_DEPTH);
  const bytes = read.optionalCString(raw.path, 'path', MAX_CGROUP_PATH);
  if (bytes !== undefined && bytes[0] !== SLASH) read.reject('path');
  const path = bytes === undefined ? undefined : { bytes, depth };
  return { kind: 'cgroup', tsNs: read.u64(raw.ts, 'ts'), id: id ?? '', path };
}
