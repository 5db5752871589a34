/** The processes of a straced run as a tree: who forked whom while running what, and how each ended. */
import type { StraceFact } from '../live/witness/strace.ts';
import type { StraceFileCall } from '../live/witness/strace-files.ts';

export interface TreeExec {
  readonly file: string;
  /** As the kernel gives it to the program: for a script its interpreter in front. */
  readonly argv: readonly string[];
  readonly atMs: number;
  readonly returnedMs: number;
  /** Execs that failed while it ran. */
  failedExecs: number;
  /** Children that ended without an exec of their own, before it ended itself. */
  forks: number;
  /** Those of which strace cannot tell whether they ended before it. */
  forksAtEnd: number;
}

export interface TreeProcess {
  readonly pid: number;
  /** How many processes that are gone had the number before. */
  readonly again: number;
  readonly parent: TreeProcess | undefined;
  /** Which of its execs the parent was running, from 1; 0: none yet. */
  readonly parentExec: number;
  /** When it was forked, ms of Unix time: not before the parent's call began. */
  readonly forkMs: number;
  readonly children: TreeProcess[];
  readonly execs: TreeExec[];
  /** What it did with files, and how many execs it had done by then. */
  readonly calls: (StraceFileCall & { readonly exec: number })[];
  /** It became leader of a process session of its own. */
  ownSession: boolean;
  /** Last user that it became altogether before it ran anything but sshd. */
  uid: number | undefined;
  end: { readonly text: string; readonly atMs: number } | undefined;
  /** When it became a server that listens: from then on it is nobody's command, and its children are connections. */
  listenMs: number | undefined;
}

/** One connection: what a listener accepted and then forked for it. */
export interface TreeConnection {
  readonly monitor: TreeProcess;
  readonly address: string;
  readonly port: number;
}

export interface ProcessTree {
  readonly connections: readonly TreeConnection[];
  /** Accepted, but nothing was forked for it. */
  readonly dropped: readonly { readonly address: string; readonly port: number; readonly listener: number }[];
}

/**
 * Builds the tree from the facts in strace's order.
 * @param firstLine of a file, if it begins with `#!`: the kernel then starts its interpreter, with another argv
 */
export function processTree(seen: readonly StraceFact[], firstLine: (file: string) => string | undefined): ProcessTree {
  const facts = tellApart(seen);
  const leaderOf = threadGroups(facts);
  const processOf = (pid: number) => leaderOf.get(pid) ?? pid;
  const births = birthsOf(facts, processOf);
  const processes = new Map<number, TreeProcess>();
  const get = (pid: number): TreeProcess => {
    const known = processes.get(pid);
    if (known !== undefined) return known;
    const birth = births.get(pid);
    const parent = birth === undefined ? undefined : get(birth.parent);
    const made: TreeProcess = {
      ...{
        pid: pid % PIDS,
        again: Math.floor(pid / PIDS),
        parent,
        parentExec: birth?.parentExec ?? 0,
        forkMs: birth?.atMs ?? 0,
      },
      ...{ children: [], execs: [], calls: [], ownSession: false, uid: undefined, end: undefined, listenMs: undefined },
    };
    processes.set(pid, made);
    parent?.children.push(made);
    return made;
  };
  for (const pid of births.keys()) get(pid);
  const accepted: { address: string; port: number; listener: number; monitor?: TreeProcess }[] = [];
  for (const fact of facts) {
    const process = get(processOf(fact.pid));
    if (fact.kind === 'exec') {
      const argv = scriptArgv(fact.file, fact.argv, firstLine(fact.file));
      process.execs.push({
        file: fact.file,
        argv,
        atMs: fact.atMs,
        returnedMs: fact.returnedMs,
        failedExecs: 0,
        forks: 0,
        forksAtEnd: 0,
      });
    } else if (fact.kind === 'failed-exec') {
      const last = process.execs.at(-1);
      if (last !== undefined) last.failedExecs++;
    } else if (fact.kind === 'listen') {
      if (runsServer(process)) process.listenMs ??= fact.atMs;
    } else if (fact.kind === 'file') process.calls.push({ ...fact, exec: process.execs.length });
    else if (fact.kind === 'setsid') process.ownSession = true;
    else if (fact.kind === 'uid' && process.execs.every(isServerItself)) process.uid = fact.uid;
    else if (fact.kind === 'end' && processOf(fact.pid) === fact.pid)
      process.end = { text: endText(fact), atMs: fact.atMs };
    else if (fact.kind === 'accept') {
      // The process that serves a client accepts, too, on what it forwards for him: the monitor, or its child that is no program.
      const forwards = accepted.some(
        ({ monitor }) =>
          monitor !== undefined && (monitor === process || (monitor === process.parent && process.execs.length === 0)),
      );
      if (!forwards) accepted.push({ address: fact.address, port: fact.port, listener: fact.pid });
    } else if (fact.kind === 'fork') {
      const last = accepted.findLast(({ listener }) => listener === fact.pid);
      if (last !== undefined) last.monitor ??= get(fact.child);
    }
  }
  for (const process of processes.values()) countFork(process);
  return {
    connections: accepted.flatMap(({ monitor, address, port }) => (monitor ? [{ monitor, address, port }] : [])),
    dropped: accepted.filter((one) => one.monitor === undefined),
  };
}

/** More than the kernel ever gives: PID_MAX_LIMIT is 2^22. */
const PIDS = 2 ** 22;

/** Who gets a number that somebody had before is named by it and how often it was given (pid + n * PIDS). */
function tellApart(facts: readonly StraceFact[]): StraceFact[] {
  const now = new Map<number, { name: number; born: boolean; ended: boolean }>();
  const stateOf = (pid: number) => {
    const known = now.get(pid);
    if (known !== undefined) return known;
    const state = { name: pid, born: false, ended: false };
    now.set(pid, state);
    return state;
  };
  const next = (state: { name: number; born: boolean; ended: boolean }) => {
    state.name += PIDS;
    state.born = state.ended = false;
  };
  const nameOf = (pid: number): number => {
    const state = stateOf(pid);
    if (state.ended) next(state);
    return state.name;
  };
  /** A parent may hear of its child's birth after the child has ended: that is the birth of that one. */
  const bornName = (pid: number): number => {
    const state = stateOf(pid);
    if (state.born && state.ended) next(state);
    state.born = true;
    return state.name;
  };
  return facts.map((fact) => {
    const pid = nameOf(fact.pid);
    if (fact.kind === 'end') stateOf(fact.pid).ended = true;
    if (fact.kind === 'fork') return { ...fact, pid, child: bornName(fact.child) };
    if (fact.kind === 'thread') return { ...fact, pid, thread: bornName(fact.thread) };
    return { ...fact, pid };
  });
}

function endText(end: StraceFact & { readonly kind: 'end' }): string {
  return end.signal === undefined ? `exit ${end.code}` : `${end.signal}${end.core === true ? ' core' : ''}`;
}

/** The process of each thread. A thread that execs takes over its process's id, as strace shows it. */
function threadGroups(facts: readonly StraceFact[]): Map<number, number> {
  const leaderOf = new Map<number, number>();
  for (const fact of facts) if (fact.kind === 'thread') leaderOf.set(fact.thread, leaderOf.get(fact.pid) ?? fact.pid);
  return leaderOf;
}

interface Birth {
  readonly parent: number;
  readonly parentExec: number;
  readonly atMs: number;
}

/** All forks first: after a vfork the child's exec is seen before the parent's call returns. */
function birthsOf(facts: readonly StraceFact[], processOf: (pid: number) => number): Map<number, Birth> {
  const births = new Map<number, Birth>();
  const execs = new Map<number, number>();
  for (const fact of facts) {
    const pid = processOf(fact.pid);
    if (fact.kind === 'exec') execs.set(pid, (execs.get(pid) ?? 0) + 1);
    if (fact.kind === 'fork') births.set(fact.child, { parent: pid, parentExec: execs.get(pid) ?? 0, atMs: fact.atMs });
  }
  return births;
}

/** strace hears of an end late, never early. */
const LAG_MS = 250;

/**
 * A process that ends without an exec counts for the program that forked it, or the one that its forker hangs on; not if it
 * outlives that one: it was told by then, and nobody knew yet that no exec would come.
 */
function countFork(process: TreeProcess): void {
  if (process.execs.length > 0 || process.end === undefined || process.listenMs !== undefined) return;
  const [parent, number] = forkerOf(process);
  const program = parent?.execs[number - 1];
  const overMs = parent?.execs[number]?.atMs ?? parent?.end?.atMs ?? Number.POSITIVE_INFINITY;
  if (program === undefined || process.end.atMs > overMs + LAG_MS) return;
  if (process.end.atMs > overMs) program.forksAtEnd++;
  else program.forks++;
}

/** The program below which a process hangs: of the nearest ancestor that ran one when it forked. */
export function forkerOf(process: TreeProcess): [process: TreeProcess | undefined, exec: number] {
  let at = process;
  while (at.parent !== undefined && at.parentExec === 0) at = at.parent;
  return [at.parent, at.parentExec];
}

/** Its image, its own or that of whoever forked it, is a server that was started by hand. */
function runsServer(process: TreeProcess): boolean {
  const [forker, number] = forkerOf(process);
  const exec = process.execs.at(-1) ?? forker?.execs[number - 1];
  return exec !== undefined && exec.file.split('/').at(-1) === 'sshd' && !isServerItself(exec);
}

/** An image of sshd's own, as sshd itself starts it. */
export function isServerItself(exec: TreeExec): boolean {
  const [name] = exec.file.split('/').slice(-1);
  const own = name === 'sshd' || name === 'sshd-session' || name === 'sshd-auth';
  return own && (exec.argv.at(-1) === '-R' || exec.argv.includes('-i'));
}

/** The kernel's rule (`fs/binfmt_script.c`): path and at most one argument, which may hold blanks. */
function scriptArgv(file: string, argv: readonly string[], firstLine: string | undefined): readonly string[] {
  const parts = /^#![ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*$/.exec(firstLine ?? '');
  if (parts === null) return argv;
  const argument = parts[2] === undefined || parts[2] === '' ? [] : [parts[2]];
  return [parts[1] ?? '', ...argument, file, ...argv.slice(1)];
}
