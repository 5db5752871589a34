/** Witness: what `strace -f -ttt -xx` saw of forks, execs and ends. */

import { isFileCall, readFileCall, type StraceFileCall } from './strace-files.ts';

export interface StraceFork {
  readonly kind: 'fork';
  readonly pid: number;
  /** Unix time, ms. */
  readonly atMs: number;
  readonly child: number;
  /** Its number in its parent's pid namespace, where that is not strace's own. */
  readonly innerChild?: number;
}

/** A successful exec. */
export interface StraceExec {
  readonly kind: 'exec';
  readonly pid: number;
  /** When the call began, Unix time, ms. */
  readonly atMs: number;
  /** When strace saw its return: the call takes long where the machine is busy. */
  readonly returnedMs: number;
  /** Bytes as Latin-1. */
  readonly file: string;
  readonly argv: readonly string[];
}

export interface StraceFailedExec {
  readonly kind: 'failed-exec';
  readonly pid: number;
  readonly atMs: number;
  readonly file: string;
  /** For instance `ENOENT`. */
  readonly errno: string;
}

export interface StraceEnd {
  readonly kind: 'end';
  readonly pid: number;
  readonly atMs: number;
  readonly code?: number | undefined;
  /** For instance `SIGKILL`; of realtime ones `SIGRTMIN+2`, as the C library counts them. */
  readonly signal?: string | undefined;
  readonly core?: true | undefined;
}

export interface StraceThread {
  readonly kind: 'thread';
  readonly pid: number;
  readonly atMs: number;
  readonly thread: number;
}

/** A TCP connection that was taken. */
export interface StraceAccept {
  readonly kind: 'accept';
  readonly pid: number;
  readonly atMs: number;
  readonly address: string;
  readonly port: number;
}

/** A socket of any kind begins to listen. */
export interface StraceListen {
  readonly kind: 'listen';
  readonly pid: number;
  readonly atMs: number;
}

export interface StraceSetsid {
  readonly kind: 'setsid';
  readonly pid: number;
  readonly atMs: number;
}

/** All three user ids became the same. */
export interface StraceUid {
  readonly kind: 'uid';
  readonly pid: number;
  readonly atMs: number;
  readonly uid: number;
}

export type StraceFact =
  | StraceFork
  | StraceThread
  | StraceExec
  | StraceFailedExec
  | StraceAccept
  | StraceListen
  | StraceSetsid
  | StraceUid
  | StraceFileCall
  | StraceEnd;

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/s;
const CALL = /^(\w+)\((.*)\) += (-?\d+|\?)(?: (E[A-Z0-9]+))?/s;
/** `--pidns-translation`: strace's number of a child that its parent's namespace calls otherwise. */
const TRANSLATED = / += \d+ \/\* (\d+) in strace's PID NS \*\//;
const UNFINISHED = / <unfinished \.\.\.>$/;
/** A thread that execs goes on under its process's id. */
const CHANGED = / <pid changed to (\d+) \.\.\.>$/;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)$/s;
const EXITED = /^\+\+\+ exited with (\d+) \+\+\+$/;
const KILLED = /^\+\+\+ killed by (SIG\w+)( \(core dumped\))? \+\+\+$/;
/** The kernel's first realtime signal is its 32nd, two of them the C library keeps for itself. */
const REALTIME = /^SIGRT_(\d+)$/;
const KEPT_REALTIME = 2;

/**
 * Reads strace's output, in its order; `-T` tells how long an exec took.
 * @throws Error at a line that it does not understand: a witness does not guess
 */
export function parseStrace(text: string): StraceFact[] {
  const facts: StraceFact[] = [];
  const open = new Map<number, { readonly head: string; readonly atMs: number }>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const parts = LINE.exec(line);
    if (parts === null) throw new Error(`strace wrote: ${line.slice(0, 200)}`);
    const pid = Number(parts[1]);
    const atMs = Number(parts[2]) * 1000;
    const said = parts[3] ?? '';
    if (said.startsWith('--- ')) continue;
    if (UNFINISHED.test(said)) {
      open.set(pid, { head: said.replace(UNFINISHED, ''), atMs });
      continue;
    }
    const changed = CHANGED.exec(said);
    if (changed !== null) {
      open.set(Number(changed[1]), { head: said.replace(CHANGED, ''), atMs });
      continue;
    }
    const resumed = RESUMED.exec(said);
    const begun = resumed === null ? undefined : open.get(pid);
    if (resumed !== null) open.delete(pid);
    const fact = readFact(pid, begun?.atMs ?? atMs, atMs, resumed === null ? said : `${begun?.head}${resumed[2]}`);
    if (fact !== undefined) facts.push(fact);
  }
  return facts;
}

function readFact(pid: number, atMs: number, endMs: number, said: string): StraceFact | undefined {
  const exited = EXITED.exec(said);
  if (exited !== null) return { kind: 'end', pid, atMs: endMs, code: Number(exited[1]) };
  const killed = KILLED.exec(said);
  if (killed !== null) {
    const core = killed[2] === undefined ? {} : { core: true as const };
    return { kind: 'end', pid, atMs: endMs, signal: signalName(killed[1] ?? ''), ...core };
  }
  if (said.startsWith('+++ superseded by execve')) return undefined;
  const call = CALL.exec(said);
  if (call === null) throw new Error(`strace wrote: ${said.slice(0, 200)}`);
  const [, name = '', args = '', result = '', errno] = call;
  if (name === 'execve' || name === 'execveat') {
    const [file, argv] = execArguments(args);
    if (errno !== undefined) return { kind: 'failed-exec', pid, atMs, file, errno };
    const tookMs = Number(/<(\d+\.\d+)>$/.exec(said)?.[1] ?? 0) * 1000;
    const returnedMs = Math.max(endMs, atMs + tookMs);
    return result === '0' ? { kind: 'exec', pid, atMs, returnedMs, file, argv } : undefined;
  }
  if (isFileCall(name)) return readFileCall(name, args, result, errno, pid, atMs);
  if (errno !== undefined || result === '?') return undefined;
  const translated = TRANSLATED.exec(said);
  const fact = readCall(name, args, Number(translated?.[1] ?? result), pid, atMs);
  return fact?.kind === 'fork' && translated !== null ? { ...fact, innerChild: Number(result) } : fact;
}

function signalName(name: string): string {
  const realtime = Number(REALTIME.exec(name)?.[1] ?? Number.NaN);
  return realtime >= KEPT_REALTIME ? `SIGRTMIN+${realtime - KEPT_REALTIME}` : name;
}

/** A call that succeeded. */
function readCall(name: string, args: string, result: number, pid: number, atMs: number): StraceFact | undefined {
  switch (name) {
    case 'accept':
    case 'accept4': {
      const port = /htons\((\d+)\)/.exec(args);
      const address = /"([^"]+)"/.exec(args);
      // A local socket has neither.
      if (port === null || address === null) return undefined;
      return { kind: 'accept', pid, atMs, address: bytes(address[1] ?? ''), port: Number(port[1]) };
    }
    case 'listen':
      return { kind: 'listen', pid, atMs };
    case 'setsid':
      return { kind: 'setsid', pid, atMs };
    case 'setresuid': {
      const [real, effective, saved] = args.split(', ');
      return real === effective && real === saved ? { kind: 'uid', pid, atMs, uid: Number(real) } : undefined;
    }
    default:
      if (args.includes('CLONE_THREAD')) return { kind: 'thread', pid, atMs, thread: result };
      return { kind: 'fork', pid, atMs, child: result };
  }
}

/** First string, and the strings of the first list. @throws Error if strace cut one */
function execArguments(args: string): [file: string, argv: string[]] {
  const file = /"([^"]*)"/.exec(args);
  const list = /\[((?:"[^"]*"(?:, )?)*)\]/.exec(args);
  if (file === null || list === null) throw new Error(`strace cut an exec: ${args.slice(0, 200)}`);
  return [bytes(file[1] ?? ''), [...(list[1] ?? '').matchAll(/"([^"]*)"/g)].map((one) => bytes(one[1] ?? ''))];
}

/** `\x2f\x62` as Latin-1. */
function bytes(escaped: string): string {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex').toString('latin1');
}
