import { decodeOptionalEndpoints } from './decode-endpoints.ts';
import { type FieldReader, MAX_U32, type RawRecord } from './field-reader.ts';
import type {
  CpuTime,
  CutBytes,
  EnvironmentEntry,
  ExecEvent,
  ExecFailEvent,
  ExitEvent,
  ForkEvent,
  ProcessId,
  SeedEvent,
  SetresuidEvent,
  SetsidEvent,
  UntrackedEvent,
} from './kernel-event.ts';

/** TASK_COMM_LEN is 16; some room for producers that read more. */
const MAX_COMM_BYTES = 64;
/** An sshd image's title lies over its argv and environment, but is set from a short format. */
export const MAX_TITLE_BYTES = 8_192;
const MAX_ERRNO = 4_095;
/** They come in records of their own. */
const NO_VARIABLES: readonly EnvironmentEntry[] = [];

const ROLES = ['listener', 'sshd', 'program'] as const;

/**
 * Fields that every record about a process has. The decoders name them one by one: an object that another is spread into
 * is built field by field, which costs a tenth of all decoding.
 */
export interface ProcessFields {
  readonly tsNs: bigint;
  readonly process: ProcessId;
  readonly conn: ProcessId | undefined;
  readonly role: (typeof ROLES)[number] | undefined;
}

export function decodeProcessFields(raw: RawRecord, read: FieldReader): ProcessFields {
  return {
    tsNs: read.u64(raw.ts, 'ts'),
    process: read.process(raw.pid, raw.start),
    conn: read.optionalConn(raw.conn),
    role: read.optionalWord(raw.role, 'role', ROLES),
  };
}

/** The audit login uid that the kernel has for "unset" (AUDIT_UID_UNSET). */
function optionalLoginUid(raw: RawRecord, read: FieldReader): number | undefined {
  const uid = read.optionalUint(raw.luid, 'luid');
  return uid === MAX_U32 ? undefined : uid;
}

/** NULs at the end belong to argv, so nothing is trimmed. */
function optionalArgv(raw: RawRecord, read: FieldReader): CutBytes | undefined {
  const head = read.optionalShared(raw.argv, 'argv');
  const length = read.optionalUint(raw.argv_len, 'argv_len') ?? head?.length;
  if (length === undefined || length === head?.length) return head;
  if (head !== undefined && length < head.length) read.reject('argv_len');
  return { bytes: head?.bytes ?? new Uint8Array(0), length };
}

function optionalCpu(raw: RawRecord, read: FieldReader): CpuTime | undefined {
  const userNs = read.optionalU64(raw.utime, 'utime');
  const systemNs = read.optionalU64(raw.stime, 'stime');
  return userNs === undefined || systemNs === undefined ? undefined : { userNs, systemNs };
}

/** PATH_MAX and more: whole, unless `bytes` records say that it goes on. */
function optionalFile(raw: RawRecord, read: FieldReader): CutBytes | undefined {
  return read.optionalSharedCString(raw.file, 'file', MAX_U32);
}

export function decodeSeed(raw: RawRecord, read: FieldReader): SeedEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'seed',
    tsNs,
    process,
    conn,
    role,
    // A pid without its start time names nobody.
    parent: raw.pstart === undefined ? undefined : read.process(raw.ppid, raw.pstart, 'ppid', 'pstart'),
    uids: read.optionalUids(raw.uid),
    sid: read.optionalUint(raw.sid, 'sid'),
    pgid: read.optionalUint(raw.pgid, 'pgid'),
    loginUid: optionalLoginUid(raw, read),
    execId: read.optionalUint(raw.exec, 'exec'),
    cgroup: read.optionalName(raw.cgroup, 'cgroup'),
    cgroupPath: undefined,
    comm: read.optionalSharedCString(raw.comm, 'comm', MAX_COMM_BYTES)?.bytes,
    file: optionalFile(raw, read),
    argv: optionalArgv(raw, read),
    title: read.optionalSharedCString(raw.title, 'title', MAX_TITLE_BYTES)?.bytes,
    ...decodeOptionalEndpoints(raw, read),
    env: NO_VARIABLES,
  };
}

export function decodeFork(raw: RawRecord, read: FieldReader): ForkEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'fork',
    tsNs,
    process,
    conn,
    role,
    child: read.process(raw.child, raw.child_start, 'child', 'child_start'),
    execId: read.optionalUint(raw.exec, 'exec'),
    uids: read.optionalUids(raw.uid),
    sid: read.optionalUint(raw.sid, 'sid'),
    pidNamespace: read.optionalUint(raw.pidns, 'pidns'),
    innerPid: read.optionalUint(raw.nspid, 'nspid'),
  };
}

export function decodeExec(raw: RawRecord, read: FieldReader): ExecEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'exec',
    tsNs,
    process,
    conn,
    role,
    ppid: read.optionalUint(raw.ppid, 'ppid'),
    uids: read.optionalUids(raw.uid),
    gid: read.optionalUint(raw.gid, 'gid'),
    gids: read.optionalUids(raw.gids, 'gids'),
    sid: read.optionalUint(raw.sid, 'sid'),
    pgid: read.optionalUint(raw.pgid, 'pgid'),
    loginUid: optionalLoginUid(raw, read),
    auditSession: read.optionalUint(raw.ses, 'ses'),
    execId: read.optionalUint(raw.exec, 'exec'),
    comm: read.optionalSharedCString(raw.comm, 'comm', MAX_COMM_BYTES)?.bytes,
    file: optionalFile(raw, read),
    argv: optionalArgv(raw, read),
    env: NO_VARIABLES,
    cgroup: read.optionalName(raw.cgroup, 'cgroup'),
    cgroupPath: undefined,
    pidNamespace: read.optionalUint(raw.pidns, 'pidns'),
    innerPid: read.optionalUint(raw.nspid, 'nspid'),
    mountNamespace: read.optionalUint(raw.mntns, 'mntns'),
    device: read.optionalUint(raw.dev, 'dev'),
    inode: read.optionalName(raw.ino, 'ino'),
    cpu: optionalCpu(raw, read),
  };
}

export function decodeExit(raw: RawRecord, read: FieldReader): ExitEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'exit',
    tsNs,
    process,
    conn,
    role,
    code: read.uint(raw.code, 'code', 255),
    signal: read.uint(raw.signal, 'signal', 127),
    core: read.flag(raw.core, 'core'),
    execId: read.optionalUint(raw.exec, 'exec'),
    uids: read.optionalUids(raw.uid),
    gid: read.optionalUint(raw.gid, 'gid'),
    gids: read.optionalUids(raw.gids, 'gids'),
    sid: read.optionalUint(raw.sid, 'sid'),
    comm: read.optionalSharedCString(raw.comm, 'comm', MAX_COMM_BYTES)?.bytes,
    title: read.optionalSharedCString(raw.title, 'title', MAX_TITLE_BYTES)?.bytes,
    cpu: optionalCpu(raw, read),
    maxRssBytes: read.optionalU64(raw.max_rss, 'max_rss'),
  };
}

export function decodeSetsid(raw: RawRecord, read: FieldReader): SetsidEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'setsid',
    tsNs,
    process,
    conn,
    role,
    sid: read.uint(raw.sid, 'sid'),
    late: read.flag(raw.late, 'late'),
  };
}

export function decodeSetresuid(raw: RawRecord, read: FieldReader): SetresuidEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return {
    kind: 'setresuid',
    tsNs,
    process,
    conn,
    role,
    uids: read.uids(raw.uid),
    late: read.flag(raw.late, 'late'),
  };
}

export function decodeExecFail(raw: RawRecord, read: FieldReader): ExecFailEvent {
  const { ret } = raw;
  // Negated for the range check, since the reader knows only unsigned values.
  const errno = read.uint(typeof ret === 'number' ? -ret : ret, 'ret', MAX_ERRNO);
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return { kind: 'execfail', tsNs, process, conn, role, ret: 0 - errno, file: optionalFile(raw, read) };
}

export function decodeUntracked(raw: RawRecord, read: FieldReader): UntrackedEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  return { kind: 'untracked', tsNs, process, conn, role };
}
