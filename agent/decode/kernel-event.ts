/**
 * What the kernel said: the records of `ebpf/README.md`, typed. Times are CLOCK_BOOTTIME nanoseconds.
 * A field that the producer left out is `undefined`: unknown, never a default.
 */

/** Identity of a process: a pid alone is reused within minutes. */
export interface ProcessId {
  readonly pid: number;
  readonly startNs: bigint;
}

/** A value that may have been cut: `bytes` is its readable head, `length` its true length in bytes. */
export interface CutBytes {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Real, effective and saved user id. */
export type Uids = readonly [real: number, effective: number, saved: number];

/** Both ends of a TCP connection as sshd's host sees them; addresses in text form. */
export interface Endpoints {
  readonly peer: string;
  readonly peerPort: number;
  readonly local?: string | undefined;
  readonly localPort?: number | undefined;
}

/** Where in the tree of cgroups: the names from its root on, each after a `/`. Whoever made a cgroup chose its name. */
export interface CgroupPath {
  readonly bytes: Uint8Array;
  /** How many names there are; those at the end may be missing. */
  readonly depth: number;
}

/** What a process and its threads have used, as far as the scheduler has counted: the last clock tick may be missing. */
export interface CpuTime {
  readonly userNs: bigint;
  readonly systemNs: bigint;
}

/** Fields that every record about a process has. */
interface ProcessRecord {
  readonly tsNs: bigint;
  readonly process: ProcessId;
  /** Connection as the producer stamped it (its monitor). */
  readonly conn?: ProcessId | undefined;
  readonly role?: 'listener' | 'sshd' | 'program' | undefined;
}

export interface HelloEvent {
  readonly kind: 'hello';
  readonly tsNs: bigint;
  readonly version: number;
  readonly producer: string;
  readonly producerVersion: string;
  readonly hooks: readonly string[];
  readonly fills: readonly string[];
  readonly bootId?: string | undefined;
  readonly machineId?: string | undefined;
  readonly hostName?: string | undefined;
  readonly pidNamespace?: number | undefined;
}

export interface ClockEvent {
  readonly kind: 'clock';
  readonly tsNs: bigint;
  /** CLOCK_REALTIME nanoseconds at `tsNs`. */
  readonly wallNs: bigint;
}

export interface SeedEvent extends ProcessRecord, Partial<Endpoints> {
  readonly kind: 'seed';
  readonly parent?: ProcessId | undefined;
  readonly uids?: Uids | undefined;
  readonly sid?: number | undefined;
  readonly pgid?: number | undefined;
  readonly loginUid?: number | undefined;
  readonly execId?: number | undefined;
  readonly cgroup?: string | undefined;
  readonly cgroupPath?: CgroupPath | undefined;
  readonly comm?: Uint8Array | undefined;
  readonly file?: CutBytes | undefined;
  readonly argv?: CutBytes | undefined;
  readonly title?: Uint8Array | undefined;
  readonly env: readonly EnvironmentEntry[];
}

export interface SeedEndEvent {
  readonly kind: 'seed-end';
  readonly tsNs: bigint;
  readonly count: number;
}

export interface ForkEvent extends ProcessRecord {
  /** `process` is the parent. */
  readonly kind: 'fork';
  readonly child: ProcessId;
  /** Exec number of the parent; the child inherits it. */
  readonly execId?: number | undefined;
  readonly uids?: Uids | undefined;
  readonly sid?: number | undefined;
  readonly pidNamespace?: number | undefined;
  readonly innerPid?: number | undefined;
}

/** One allow-listed variable of a session leader's first exec; `value` bytes follow the first `=`. */
export interface EnvironmentEntry {
  readonly name: string;
  readonly value: CutBytes;
}

export interface ExecEvent extends ProcessRecord {
  readonly kind: 'exec';
  readonly ppid?: number | undefined;
  readonly uids?: Uids | undefined;
  readonly gid?: number | undefined;
  /** Real, effective and saved, where they are not the same. */
  readonly gids?: Uids | undefined;
  readonly sid?: number | undefined;
  readonly pgid?: number | undefined;
  readonly loginUid?: number | undefined;
  readonly auditSession?: number | undefined;
  readonly execId?: number | undefined;
  readonly comm?: Uint8Array | undefined;
  /** The file as it was named to exec. */
  readonly file?: CutBytes | undefined;
  /** NUL-separated, NUL at the end, as in memory. */
  readonly argv?: CutBytes | undefined;
  readonly env: readonly EnvironmentEntry[];
  /** Id of its cgroup: names it until the next boot. */
  readonly cgroup?: string | undefined;
  readonly cgroupPath?: CgroupPath | undefined;
  readonly pidNamespace?: number | undefined;
  readonly innerPid?: number | undefined;
  readonly mountNamespace?: number | undefined;
  /** Of the file that was loaded: the kernel's number of its file system (major << 20 | minor), and its inode. */
  readonly device?: number | undefined;
  readonly inode?: string | undefined;
  /** What the process had used before. */
  readonly cpu?: CpuTime | undefined;
}

export interface ExitEvent extends ProcessRecord {
  readonly kind: 'exit';
  /** 0..255; meaningless when `signal` is not 0. */
  readonly code: number;
  /** 0: none. */
  readonly signal: number;
  readonly core: boolean;
  readonly execId?: number | undefined;
  readonly uids?: Uids | undefined;
  readonly gid?: number | undefined;
  /** Real, effective and saved, where they are not the same. */
  readonly gids?: Uids | undefined;
  readonly sid?: number | undefined;
  readonly comm?: Uint8Array | undefined;
  readonly title?: Uint8Array | undefined;
  /** All that the process used, whatever programs it ran. */
  readonly cpu?: CpuTime | undefined;
  /** Most memory that its last program had resident, bytes. */
  readonly maxRssBytes?: bigint | undefined;
}

export interface SetsidEvent extends ProcessRecord {
  readonly kind: 'setsid';
  readonly sid: number;
  readonly late: boolean;
}

export interface SetresuidEvent extends ProcessRecord {
  readonly kind: 'setresuid';
  readonly uids: Uids;
  readonly late: boolean;
}

export interface ExecFailEvent extends ProcessRecord {
  readonly kind: 'execfail';
  /** Negative errno. */
  readonly ret: number;
  readonly file?: CutBytes | undefined;
}

export interface UntrackedEvent extends ProcessRecord {
  readonly kind: 'untracked';
}

export interface AcceptEvent extends ProcessRecord, Endpoints {
  /** `process` is the new monitor. */
  readonly kind: 'accept';
  readonly cgroup?: string | undefined;
  readonly cgroupPath?: CgroupPath | undefined;
}

export interface DropEvent extends ProcessRecord, Endpoints {
  /** `process` is the listener. */
  readonly kind: 'drop';
}

export interface TcpEvent extends ProcessRecord, Partial<Endpoints> {
  readonly kind: 'tcp';
  readonly cookie?: string | undefined;
  /** Kernel TCP states: 1 ESTABLISHED, 7 CLOSE, 8 CLOSE_WAIT, … (include/net/tcp_states.h). */
  readonly oldState: number;
  readonly newState: number;
  readonly receivedBytes?: bigint | undefined;
  readonly sentBytes?: bigint | undefined;
  readonly srttUs?: number | undefined;
  readonly retransmits?: number | undefined;
  readonly by?: 'local' | 'peer' | undefined;
}

/** A socket that sshd uses for its client: what it connects to, where it listens, or what it accepted there. */
export interface ForwardEvent extends ProcessRecord, Partial<Endpoints> {
  readonly kind: 'forward';
  /** Names the socket. */
  readonly cookie: string;
  /** `connect`: the peer is the target. */
  readonly op: 'connect' | 'listen' | 'accept';
  /** `accept`: cookie of the listener; with its first record only. */
  readonly listener?: string | undefined;
  /** Absent: TCP. */
  readonly family?: 'unix' | undefined;
  /** Of a unix socket, whole, at most 108 bytes. */
  readonly path?: Uint8Array | undefined;
  /** Kernel TCP states, as in `TcpEvent`; unix sockets use the same numbers. */
  readonly oldState: number;
  readonly newState: number;
  /** From the other end. */
  readonly receivedBytes?: bigint | undefined;
  /** To the other end. */
  readonly sentBytes?: bigint | undefined;
  /** The socket's errno. */
  readonly error?: number | undefined;
}

/** What a server of sftp or scp does with a file, once its system call has returned; a close also at the server's end. */
export interface FileEvent extends ProcessRecord {
  readonly kind: 'file';
  readonly op: FileOperation | 'close' | 'rest';
  /** Which program of its process, by the kernel's count of its execs. */
  readonly execId?: number | undefined;
  /** Number of the operation within its program; a close has that of its open. Absent with `rest`. */
  readonly id?: number | undefined;
  /** 0, or a negative errno. */
  readonly ret: number;
  /** Of an open. */
  readonly mode?: 'read' | 'write' | 'both' | undefined;
  /** As the server named it. */
  readonly path?: CutBytes | undefined;
  /** The other path: the new name, or what a link leads to. */
  readonly to?: CutBytes | undefined;
  /** The server ended without closing it. */
  readonly forced: boolean;
  /** Of a close or `rest`. */
  readonly readBytes?: bigint | undefined;
  readonly writtenBytes?: bigint | undefined;
  /** Operations that `rest` stands for, and how many of them failed. */
  readonly count?: number | undefined;
  readonly failed?: number | undefined;
}

/** Operations that have a path. */
export type FileOperation = 'open' | 'list' | 'rename' | 'remove' | 'rmdir' | 'mkdir' | 'symlink' | 'link' | 'setstat';

export interface MonitorMessageEvent extends ProcessRecord {
  readonly kind: 'mon';
  readonly type: number;
  /** True payload length. */
  readonly length: number;
  /** The allowed head of the payload, `length` = bytes that may be copied. */
  readonly data: CutBytes;
}

export interface LogEvent extends ProcessRecord {
  readonly kind: 'log';
  readonly data: CutBytes;
}

/** Records that never arrived, told by the producer or found as a gap of sequence numbers. */
export interface LostEvent {
  readonly kind: 'lost';
  readonly tsNs: bigint;
  /** Start of the interval in which they happened, if known. */
  readonly sinceNs?: bigint | undefined;
  readonly of: string;
  readonly count: number;
  readonly conn?: ProcessId | undefined;
}

/** What the id of a cgroup stands for. */
export interface CgroupEvent {
  readonly kind: 'cgroup';
  readonly tsNs: bigint;
  readonly id: string;
  readonly path?: CgroupPath | undefined;
}

export interface EndEvent {
  readonly kind: 'end';
  readonly tsNs: bigint;
  readonly records?: number | undefined;
  readonly lost?: number | undefined;
}

export type KernelEvent =
  | HelloEvent
  | ClockEvent
  | SeedEvent
  | SeedEndEvent
  | ForkEvent
  | ExecEvent
  | ExitEvent
  | SetsidEvent
  | SetresuidEvent
  | ExecFailEvent
  | UntrackedEvent
  | AcceptEvent
  | DropEvent
  | TcpEvent
  | ForwardEvent
  | FileEvent
  | MonitorMessageEvent
  | LogEvent
  | LostEvent
  | CgroupEvent
  | EndEvent;
