/**
 * What /proc tells of processes that run already, as `proc` records of the event stream: for a producer that cannot read the
 * memory of others. Everything here may have been written by the process itself; it is bounded, and travels as hex.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcStat, parseStat } from './proc-stat.ts';
import { type Endpoints, TcpTables } from './proc-tcp.ts';

/** Longest file of records; processes beyond it are told without facts. */
export const MAX_FACTS_BYTES = 16 * 1024 * 1024;
/** Bytes of arguments that are copied; their true length is told. */
const MAX_ARGV_BYTES = 32_768;
/** How much of an environment is searched. */
const MAX_ENVIRON_BYTES = 65_536;
/** Longest variable, with its name. */
const MAX_VARIABLE_BYTES = 4_096;
const SSHD: ReadonlySet<string> = new Set(['sshd', 'sshd-session', 'sshd-auth']);
/** Nothing else of an environment is ever copied. */
const VARIABLES = [
  'SSH_CONNECTION=',
  'SSH_CLIENT=',
  'SSH_TTY=',
  'SSH_ORIGINAL_COMMAND=',
  'TRACEPARENT=',
  'TRACESTATE=',
];

/**
 * Reads them into a file that has no name any more.
 * @returns its descriptor, at no place in particular; the caller closes it
 * @throws Error if there is no room for a file
 */
export function openProcFacts(pids: readonly number[], proc = '/proc'): number {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-'));
  try {
    const fd = openSync(join(folder, 'proc'), 'wx+', 0o600);
    try {
      const tables = new TcpTables();
      let room = MAX_FACTS_BYTES;
      for (const pid of pids) {
        const record = procRecord(pid, proc, tables);
        if (record === undefined || record.length + 1 > room) continue;
        room -= writeSync(fd, `${record}\n`);
      }
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One process as a line without its end; undefined if it is gone, or became another program meanwhile. */
export function procRecord(pid: number, proc = '/proc', tables = new TcpTables()): string | undefined {
  const folder = `${proc}/${pid}`;
  const before = programOf(folder);
  if (before === undefined) return undefined;
  const { stat, cmdline } = before;
  // Anybody may go by such a name; the consumer takes the addresses only of whom the kernel knows to be sshd's.
  const endpoints: Partial<Endpoints> =
    (SSHD.has(stat.comm.toString('latin1')) && tables.connectedEndpoints(folder)) || {};
  const env = stat.sid === pid ? variablesOf(bytesOf(`${folder}/environ`, MAX_ENVIRON_BYTES)) : [];
  const after = programOf(folder);
  if (after === undefined || !isSameProgram(before, after)) return undefined;
  return JSON.stringify({
    ...{ k: 'proc', ts: uptimeNs(proc), pid, ticks: stat.startTicks, comm: stat.comm.toString('hex') },
    ...(cmdline.length === 0 ? {} : { argv: cmdline.toString('hex'), argv_len: argumentBytes(stat, cmdline.length) }),
    ...endpoints,
    ...(env.length === 0 ? {} : { env: env.map((one) => one.toString('hex')) }),
  });
}

/** What tells one program of a process from the next one. */
interface Program {
  readonly stat: ProcStat;
  readonly cmdline: Buffer;
}

function programOf(folder: string): Program | undefined {
  const stat = parseStat(bytesOf(`${folder}/stat`, 4_096));
  return stat === undefined ? undefined : { stat, cmdline: bytesOf(`${folder}/cmdline`, MAX_ARGV_BYTES) };
}

/**
 * The stack lies elsewhere after each exec, unless the user has turned that off (personality(2), ADDR_NO_RANDOMIZE); then
 * name and arguments tell. The same arguments again are the same command line, whichever program had them.
 */
function isSameProgram(a: Program, b: Program): boolean {
  return (
    a.stat.startTicks === b.stat.startTicks &&
    a.stat.argStart === b.stat.argStart &&
    a.stat.comm.equals(b.stat.comm) &&
    a.cmdline.equals(b.cmdline)
  );
}

/** The kernel's own figure, unless the process has moved its arguments, as one that sets its title does. */
function argumentBytes({ argStart, argEnd }: { argStart: bigint; argEnd: bigint }, read: number): number {
  const length = Number(argEnd - argStart);
  return length >= read && length <= 0xffff_ffff ? length : read;
}

function variablesOf(environ: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < environ.length; ) {
    const end = environ.indexOf(0, at);
    // Without an end it may be cut.
    if (end < 0) break;
    const variable = environ.subarray(at, end);
    if (variable.length <= MAX_VARIABLE_BYTES && VARIABLES.some((name) => variable.indexOf(name, 0, 'latin1') === 0))
      found.push(variable);
    at = end + 1;
  }
  return found.slice(0, 2 * VARIABLES.length);
}

/** Boot time, ns, to the hundredth of a second. */
function uptimeNs(proc: string): string {
  const seconds = /^(\d{1,12})\.(\d\d)/.exec(bytesOf(`${proc}/uptime`, 64).toString('latin1'));
  return seconds === null ? '0' : `${BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt(seconds[2] ?? 0) * 10_000_000n}`;
}

/** The beginning of a file; empty where it cannot be read. */
function bytesOf(path: string, most: number): Buffer {
  try {
    const fd = openSync(path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(most);
      let length = 0;
      for (let read = -1; read !== 0 && length < most; length += read)
        read = readSync(fd, buffer, length, most - length, null);
      return buffer.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  } catch {
    return Buffer.alloc(0);
  }
}
