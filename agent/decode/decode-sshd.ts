import { decodeEndpoints, decodeOptionalEndpoints } from './decode-endpoints.ts';
import { decodeProcessFields } from './decode-process.ts';
import type { FieldReader, RawRecord } from './field-reader.ts';
import type {
  AcceptEvent,
  CutBytes,
  DropEvent,
  ForwardEvent,
  LogEvent,
  MonitorMessageEvent,
  TcpEvent,
} from './kernel-event.ts';

const DIRECTIONS = ['local', 'peer'] as const;
const FORWARDS = ['connect', 'listen', 'accept'] as const;
const FAMILIES = ['unix'] as const;
/** Longest path of a unix socket (unix(7), `sun_path`). */
const MAX_PATH_BYTES = 108;

/** A readable head and how long the value is; `lengthField` absent: the producer sent all. */
function decodeHead(raw: RawRecord, read: FieldReader, length: unknown, lengthField: string): CutBytes {
  const bytes = read.optionalBytes(raw.data, 'data') ?? new Uint8Array(0);
  const total = read.optionalUint(length, lengthField) ?? bytes.length;
  if (total < bytes.length) read.reject(lengthField);
  return { bytes, length: total };
}

export function decodeAccept(raw: RawRecord, read: FieldReader): AcceptEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  const cgroup = read.optionalName(raw.cgroup, 'cgroup');
  return { kind: 'accept', tsNs, process, conn, role, ...decodeEndpoints(raw, read), cgroup, cgroupPath: undefined };
}

export function decodeDrop(raw: RawRecord, read: FieldReader): DropEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return { kind: 'drop', tsNs, process, conn, role, ...decodeEndpoints(raw, read) };
}

export function decodeTcp(raw: RawRecord, read: FieldReader): TcpEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'tcp',
    tsNs,
    process,
    conn,
    role,
    cookie: read.optionalName(raw.sk, 'sk'),
    oldState: read.uint(raw.old, 'old', 255),
    newState: read.uint(raw.new, 'new', 255),
    ...decodeOptionalEndpoints(raw, read),
    receivedBytes: read.optionalU64(raw.rx, 'rx'),
    sentBytes: read.optionalU64(raw.tx, 'tx'),
    srttUs: read.optionalUint(raw.srtt_us, 'srtt_us'),
    retransmits: read.optionalUint(raw.retrans, 'retrans'),
    by: read.optionalWord(raw.by, 'by', DIRECTIONS),
  };
}

export function decodeForward(raw: RawRecord, read: FieldReader): ForwardEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  if (raw.op === undefined) read.text(raw.op, 'op');
  return {
    kind: 'forward',
    tsNs,
    process,
    conn,
    role,
    cookie: String(read.u64(raw.sk, 'sk')),
    op: read.optionalWord(raw.op, 'op', FORWARDS) ?? 'connect',
    listener: read.optionalName(raw.of, 'of'),
    family: read.optionalWord(raw.family, 'family', FAMILIES),
    path: read.optionalCString(raw.path, 'path', MAX_PATH_BYTES),
    oldState: read.uint(raw.old, 'old', 255),
    newState: read.uint(raw.new, 'new', 255),
    ...decodeOptionalEndpoints(raw, read),
    receivedBytes: read.optionalU64(raw.rx, 'rx'),
    sentBytes: read.optionalU64(raw.tx, 'tx'),
    error: read.optionalUint(raw.err, 'err'),
  };
}

export function decodeMonitorMessage(raw: RawRecord, read: FieldReader): MonitorMessageEvent {
  const length = read.uint(raw.len, 'len');
  const data = decodeHead(raw, read, raw.total, 'total');
  // More than the frame holds cannot be part of it.
  if (data.length > length) read.reject('total');
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return { kind: 'mon', tsNs, process, conn, role, type: read.uint(raw.type, 'type', 255), length, data };
}

export function decodeLog(raw: RawRecord, read: FieldReader): LogEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return { kind: 'log', tsNs, process, conn, role, data: decodeHead(raw, read, raw.len, 'len') };
}
