import { encodeHex } from './hex.ts';
import type { CpuTime, CutBytes, Endpoints, KernelEvent, ProcessId } from './kernel-event.ts';
import { MAX_LINE_BYTES } from './lines.ts';

/** Room for all that isn't a long value in a line. */
const OTHER_FIELDS_BYTES = 24_576;
/** Bytes of each long value that stay in the head record when not all of them fit. */
const HEAD_BYTES = 24_576;
const PIECE_BYTES = 49_152;

type Fields = Record<string, unknown>;

function conn(id: ProcessId | undefined): unknown {
  return id === undefined ? undefined : [id.pid, String(id.startNs)];
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : encodeHex(bytes);
}

function decimal(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function cpuTime(cpu: CpuTime | undefined): Fields {
  return { utime: decimal(cpu?.userNs), stime: decimal(cpu?.systemNs) };
}

/** 1 or absent. */
function flag(value: boolean): number | undefined {
  return value ? 1 : undefined;
}

function isCut(value: CutBytes | undefined): number | undefined {
  return flag(value !== undefined && value.bytes.length < value.length);
}

function endpoints(event: Partial<Endpoints>): Fields {
  return { peer: event.peer, peer_port: event.peerPort, local: event.local, local_port: event.localPort };
}

/** A long value of an event and the name of its rest in `bytes` records. */
interface LongField {
  readonly of: string;
  readonly field: string;
  readonly value: CutBytes;
}

function longFields(event: KernelEvent): LongField[] {
  const fields: LongField[] = [];
  const add = (of: string, field: string, value: CutBytes | undefined): void => {
    if (value !== undefined) fields.push({ of, field, value });
  };
  if (event.kind === 'exec' || event.kind === 'seed') add('argv', 'argv', event.argv);
  if (event.kind === 'exec' || event.kind === 'seed' || event.kind === 'execfail') add('file', 'file', event.file);
  if (event.kind === 'mon' || event.kind === 'log') add(event.kind, 'data', event.data);
  return fields;
}

function processFields(event: Extract<KernelEvent, { process: ProcessId }>): Fields {
  return {
    pid: event.process.pid,
    start: String(event.process.startNs),
    conn: conn(event.conn),
    role: event.role,
  };
}

/** Fields of each kind but the common ones and the long values. */
function ownFields(event: KernelEvent): Fields {
  switch (event.kind) {
    case 'hello':
      return {
        v: event.version,
        producer: event.producer,
        version: event.producerVersion,
        hooks: event.hooks,
        fills: event.fills,
        boot_id: event.bootId,
        machine_id: event.machineId,
        host: event.hostName === undefined ? undefined : encodeHex(new TextEncoder().encode(event.hostName)),
        pidns: event.pidNamespace,
      };
    case 'clock':
      return { wall: String(event.wallNs) };
    case 'seed':
      return {
        ppid: event.parent?.pid,
        pstart: decimal(event.parent?.startNs),
        uid: event.uids,
        sid: event.sid,
        pgid: event.pgid,
        luid: event.loginUid,
        exec: event.execId,
        cgroup: event.cgroup,
        comm: hex(event.comm),
        argv_len: event.argv?.length,
        title: hex(event.title),
        ...endpoints(event),
      };
    case 'seed-end':
      return { n: event.count };
    case 'fork':
      return {
        child: event.child.pid,
        child_start: String(event.child.startNs),
        exec: event.execId,
        uid: event.uids,
        sid: event.sid,
        pidns: event.pidNamespace,
        nspid: event.innerPid,
      };
    case 'exec':
      return {
        ppid: event.ppid,
        uid: event.uids,
        gid: event.gid,
        gids: event.gids,
        sid: event.sid,
        pgid: event.pgid,
        luid: event.loginUid,
        ses: event.auditSession,
        exec: event.execId,
        comm: hex(event.comm),
        argv_len: event.argv?.length,
        cgroup: event.cgroup,
        pidns: event.pidNamespace,
        nspid: event.innerPid,
        mntns: event.mountNamespace,
        dev: event.device,
        ino: event.inode,
        ...cpuTime(event.cpu),
      };
    case 'exit':
      return {
        code: event.code,
        signal: event.signal,
        core: event.core ? 1 : 0,
        exec: event.execId,
        uid: event.uids,
        gid: event.gid,
        gids: event.gids,
        sid: event.sid,
        comm: hex(event.comm),
        title: hex(event.title),
        ...cpuTime(event.cpu),
        max_rss: decimal(event.maxRssBytes),
      };
    case 'setsid':
      return { sid: event.sid, late: flag(event.late) };
    case 'setresuid':
      return { uid: event.uids, late: flag(event.late) };
    case 'execfail':
      return { ret: event.ret };
    case 'accept':
      return { ...endpoints(event), cgroup: event.cgroup };
    case 'drop':
      return endpoints(event);
    case 'tcp':
      return {
        sk: event.cookie,
        old: event.oldState,
        new: event.newState,
        ...endpoints(event),
        rx: decimal(event.receivedBytes),
        tx: decimal(event.sentBytes),
        srtt_us: event.srttUs,
        retrans: event.retransmits,
        by: event.by,
      };
    case 'forward':
      return {
        sk: event.cookie,
        op: event.op,
        of: event.listener,
        family: event.family,
        path: hex(event.path),
        old: event.oldState,
        new: event.newState,
        ...endpoints(event),
        rx: decimal(event.receivedBytes),
        tx: decimal(event.sentBytes),
        err: event.error,
      };
    case 'file':
      return {
        op: event.op,
        exec: event.execId,
        id: event.id,
        ret: event.ret,
        mode: event.mode,
        path: hex(event.path?.bytes),
        path_cut: isCut(event.path),
        to: hex(event.to?.bytes),
        to_cut: isCut(event.to),
        forced: flag(event.forced),
        read: decimal(event.readBytes),
        written: decimal(event.writtenBytes),
        n: event.count,
        failed: event.failed,
      };
    case 'mon':
      return { type: event.type, len: event.length, total: event.data.length };
    case 'log':
      return { len: event.data.length };
    case 'lost':
      return { since: decimal(event.sinceNs), of: event.of, n: event.count, conn: conn(event.conn) };
    case 'cgroup':
      return { id: event.id, depth: event.path?.depth ?? 0, path: hex(event.path?.bytes) };
    case 'end':
      return { records: event.records, lost: event.lost };
    case 'untracked':
      return {};
    default:
      return event satisfies never;
  }
}

function line(fields: Fields): string {
  return `${JSON.stringify(fields)}\n`;
}

/**
 * The event as records of the format: one line for all but long values that don't fit, the end of which follows in
 * `bytes` records, and environment variables. Each line ends with a newline. A decoder makes the same event of it;
 * the numbers of the records (`cpu`, `seq`) are not kept, for what is written may not be all that was read.
 */
export function encodeEvent(event: KernelEvent): string {
  const ts = String(event.tsNs);
  const longs = longFields(event);
  const whole =
    longs.reduce((sum, { value }) => sum + value.bytes.length, 0) * 2 + OTHER_FIELDS_BYTES <= MAX_LINE_BYTES;

  const process = 'process' in event ? event.process : undefined;
  let text = line({
    k: event.kind,
    ts,
    ...('process' in event ? processFields(event) : {}),
    ...ownFields(event),
    ...Object.fromEntries(
      longs.map(({ field, value }) => [field, encodeHex(whole ? value.bytes : value.bytes.subarray(0, HEAD_BYTES))]),
    ),
  });

  for (const { of, value } of longs) {
    const { bytes, length: total } = value;
    const start = whole ? bytes.length : Math.min(bytes.length, HEAD_BYTES);
    for (let off = start; off < bytes.length; off += PIECE_BYTES) {
      const data = bytes.subarray(off, off + PIECE_BYTES);
      text += line({ k: 'bytes', of, ts, pid: process?.pid, off, len: data.length, total, data: encodeHex(data) });
    }
    // `file` has no field for its true length: a record without data says that the rest is missing.
    if (of === 'file' && total > bytes.length) {
      text += line({ k: 'bytes', of, ts, pid: process?.pid, off: bytes.length, len: total - bytes.length, total });
    }
  }
  if (event.kind === 'exec' || event.kind === 'seed') {
    for (const { name, value } of event.env) {
      const data = encodeHex(new TextEncoder().encode(`${name}=`)) + encodeHex(value.bytes);
      const len = name.length + 1 + value.length;
      const cut = flag(value.length > value.bytes.length);
      text += line({ k: 'env', ts, pid: event.process.pid, len, cut, data });
    }
  }
  return text;
}
