/**
 * Which sshds run already, as /proc shows them: the roots of the trees that a producer follows from its start. Only pids
 * are told, never a start time: /proc has that in ticks of 10 ms, which names nobody for sure. The producer looks the
 * exact one up in the kernel, and sees there whether the pid has changed hands since.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { linkOf } from './proc-link.ts';
import { TcpTables } from './proc-tcp.ts';

/** Root of a tree that is to be followed. */
export interface SeedRoot {
  readonly pid: number;
  /** A monitor is a root where its listener is gone: after a restart of sshd, connections live on without it. */
  readonly kind: 'listener' | 'monitor';
}

/** Roots that a producer can be told of. */
export const MOST_ROOTS = 96;

export interface SeedRoots {
  readonly roots: readonly SeedRoot[];
  /** All processes in their trees, roots included; more or fewer by the time that they are followed. */
  readonly pids: readonly number[];
  /** How many processes are in the trees of roots beyond `MOST_ROOTS`. */
  readonly untold: number;
}

/** What of a process decides. */
export interface ProcProcess {
  readonly pid: number;
  readonly ppid: number;
  /** Real user id. */
  readonly uid: number;
  /** Base name of the program file. */
  readonly program: string;
  /** Its own TCP sockets. Only looked up for sshd's own processes. */
  readonly sockets: 'listening' | 'connected' | 'none';
}

/**
 * Roots among these processes.
 * @param listenerPid only this listener's tree
 */
export function chooseSeedRoots(processes: readonly ProcProcess[], listenerPid?: number): SeedRoots {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const children = Map.groupBy(processes, (process) => process.ppid);
  const roots: SeedRoot[] = [];
  for (const process of processes) {
    const kind = rootKind(process, byPid.get(process.ppid));
    if (kind === undefined) continue;
    if (listenerPid === undefined || (kind === 'listener' && process.pid === listenerPid))
      roots.push({ pid: process.pid, kind });
  }
  // Listeners first: what does not fit is less than a whole host.
  roots.sort((a, b) => (a.kind === b.kind ? a.pid - b.pid : a.kind === 'listener' ? -1 : 1));
  const seen = new Set<number>();
  const walk = (root: SeedRoot): void => {
    const pending = [root.pid];
    for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      for (const child of children.get(pid) ?? []) pending.push(child.pid);
    }
  };
  const told = roots.slice(0, MOST_ROOTS);
  told.forEach(walk);
  const pids = [...seen];
  roots.slice(MOST_ROOTS).forEach(walk);
  return { roots: told, pids, untold: seen.size - pids.length };
}

function rootKind(process: ProcProcess, parent: ProcProcess | undefined): SeedRoot['kind'] | undefined {
  if (!isServer(process)) return undefined;
  if (process.sockets === 'listening') return process.program === 'sshd' ? 'listener' : undefined;
  if (process.sockets === 'none' || (parent !== undefined && isServer(parent))) return undefined;
  return 'monitor';
}

function isServer({ uid, program }: ProcProcess): boolean {
  return uid === 0 && (program === 'sshd' || program === 'sshd-session');
}

/** Roots on this host, of our own pid namespace. Needs root; what vanishes meanwhile is left out. */
export function findSeedRoots(listenerPid?: number, proc = '/proc'): SeedRoots {
  const ownNamespace = linkOf(`${proc}/self/ns/pid`);
  const tables = new TcpTables();
  const processes: ProcProcess[] = [];
  for (const name of readdirSync(proc)) {
    if (!/^[1-9][0-9]{0,9}$/.test(name)) continue;
    if (linkOf(`${proc}/${name}/ns/pid`) !== ownNamespace) continue;
    const process = readProcess(proc, Number(name), tables);
    if (process !== undefined) processes.push(process);
  }
  return chooseSeedRoots(processes, listenerPid);
}

function readProcess(proc: string, pid: number, tables: TcpTables): ProcProcess | undefined {
  const folder = `${proc}/${pid}`;
  const status = textOf(`${folder}/status`);
  // A name may hold anything but a line end: fields are looked for at the starts of lines.
  const ppid = /^PPid:\t(\d+)$/m.exec(status)?.[1];
  const uid = /^Uid:\t(\d+)\t/m.exec(status)?.[1];
  if (ppid === undefined || uid === undefined) return undefined;
  // A program file that was replaced by an update is still the one that runs.
  const program = basename(linkOf(`${folder}/exe`)).replace(/ \(deleted\)$/, '');
  const plain = { pid, ppid: Number(ppid), uid: Number(uid), program, sockets: 'none' as const };
  return isServer(plain) ? { ...plain, sockets: tables.stateOf(folder) } : plain;
}

/** Latin-1; empty where it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
