/** The processes of a straced run as a tree: who forked whom while running what, and how each ended. */
import type { StraceFact } from '../live/witness/strace.ts';

export interface TreeExec {
  readonly file: string;
  /** As the kernel gives it to the program: for a script its interpreter in front. */
  readonly argv: readonly string[];
  readonly atMs: number;
  readonly returnedMs: number;
  /** Execs that failed while it ran. */
  failedExecs: number;
  /** Children that ended without an exec of their own. */
  forks: number;
}

export interface TreeProcess {
  readonly pid: number;
  readonly parent: TreeProcess | undefined;
  /** Which of its execs the parent was running, from 1; 0: none yet. */
  readonly parentExec: number;
  /** When it was forked, ms of Unix time: not before the parent's call began. */
  readonly forkMs: number;
  readonly children: TreeProcess[];
  readonly execs: TreeExec[];
  /** It became leader of a process session of its own. */
  ownSession: boolean;
  /** Last user that it became altogether before it ran anything but sshd. */
  uid: number | undefined;
  end: { readonly text: string; readonly atMs: number } | undefined;
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
export function processTree(
  facts: readonly StraceFact[],
  firstLine: (file: string) => string | undefined,
): ProcessTree {
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
      ...{ pid, parent, parentExec: birth?.parentExec ?? 0, forkMs: birth?.atMs ?? 0 },
      ...{ children: [], execs: [], ownSession: false, uid: undefined, end: undefined },
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
      });
    } else if (fact.kind === 'failed-exec') {
      const last = process.execs.at(-1);
      if (last !== undefined) last.failedExecs++;
    } else if (fact.kind === 'setsid') process.ownSession = true;
    else if (fact.kind === 'uid' && process.execs.every(isServerItself)) process.uid = fact.uid;
    else if (fact.kind === 'end' && fact.pid === process.pid)
      process.end = { text: fact.signal ?? `exit ${fact.code}`, atMs: fact.atMs };
    else if (fact.kind === 'accept') accepted.push({ address: fact.address, port: fact.port, listener: fact.pid });
    else if (fact.kind === 'fork') {
      const last = accepted.at(-1);
      if (last !== undefined && last.listener === fact.pid) last.monitor ??= get(fact.child);
    }
  }
  for (const process of processes.values()) countFork(process);
  return {
    connections: accepted.flatMap(({ monitor, address, port }) => (monitor ? [{ monitor, address, port }] : [])),
    dropped: accepted.filter((one) => one.monitor === undefined),
  };
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

/** A process that ends without an exec counts for the program that forked it, or the one that its forker hangs on. */
function countFork(process: TreeProcess): void {
  if (process.execs.length > 0 || process.end === undefined) return;
  const [parent, number] = forkerOf(process);
  const program = parent?.execs[number - 1];
  if (program !== undefined) program.forks++;
}

/** The program below which a process hangs: of the nearest ancestor that ran one when it forked. */
export function forkerOf(process: TreeProcess): [process: TreeProcess | undefined, exec: number] {
  let at = process;
  while (at.parent !== undefined && at.parentExec === 0) at = at.parent;
  return [at.parent, at.parentExec];
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
