/** Processes whose fork was not seen: found alive at the start (seeds), or after lost events. */
import type { ExecEvent, SeedEvent } from '../decode/kernel-event.ts';
import type { Process } from '../process/process-change.ts';
import type { ConnectionRun } from './connection-run.ts';
import { baseName } from './families.ts';
import { newNode } from './new-node.ts';
import type { ProcessNode } from './node.ts';
import { openUnlessSkipped } from './programs.ts';
import { ROOT } from './session-event.ts';

/** A process of a known connection that nobody was seen to fork. */
export function adoptNode(process: Process, run: ConnectionRun, parent: ProcessNode | undefined): ProcessNode {
  const node = newNode(process, run.connection, parent, run.dialogue.open, process.forkNs);
  const id = run.connection.id;
  if (process.id.pid === id.pid && process.id.startNs === id.startNs) node.role = 'monitor';
  else if (parent === undefined && process.role === 'program') node.role = 'program';
  run.processes.nodes.add(node);
  return node;
}

/** What a seed tells beyond the process itself: the user, and what it runs. */
export function applySeed(node: ProcessNode, run: ConnectionRun, event: SeedEvent): void {
  const connection = run.connection;
  node.image = baseName(event.file?.bytes ?? event.comm ?? new Uint8Array());
  if (event.peer !== undefined && event.peerPort !== undefined) {
    connection.endpoints ??= {
      peer: event.peer,
      peerPort: event.peerPort,
      local: event.local,
      localPort: event.localPort,
    };
  }
  const title = event.title === undefined ? undefined : readTitle(event.title);
  if (title !== undefined) applyTitle(node, run, title);
  if (node.role === 'monitor') {
    connection.evidence.monitorImage = node.image;
    connection.cgroup ??= event.cgroupPath;
  } else if (event.role === 'program') {
    if (node.under === 'userChild' || (event.sid === node.process.id.pid && mayLead(node, event))) {
      openLateSession(node, run, event);
    } else if (node.role === 'undecided') {
      node.role = 'program';
      node.owner = ROOT;
    }
    node.program = openUnlessSkipped(node, execOf(event), node.forkNs, node.owner, run.skipProgram);
    connection.programs++;
    if (node.session !== undefined) node.session.programs++;
  }
}

/**
 * Is a program with a session of its own a leader? A producer that has followed its sshd from the start tells no title that
 * would say whose child it is. What pam_exec runs has a session too, but runs as root, as the monitor does.
 */
function mayLead(node: ProcessNode, { uids }: SeedEvent): boolean {
  return node.under === 'monitor' || (node.under === 'sshd' && uids !== undefined && uids[0] !== 0);
}

function openLateSession(node: ProcessNode, run: ConnectionRun, event: SeedEvent): void {
  authenticatedBefore(run);
  const session = run.sessions.open(node, event.tsNs);
  const first = execOf(event);
  if (first !== undefined) run.sessions.firstProgram(session, first);
}

/** It runs another program than the one that was known: an exec was missed. */
export function applyOtherProgram(node: ProcessNode, run: ConnectionRun, event: SeedEvent, tsNs: bigint): void {
  const exec = execOf(event);
  if (node.program === undefined || event.execId === undefined || node.program.execNumber === event.execId) return;
  if (exec !== undefined) run.executed(node, { ...exec, tsNs }, 'broken');
}

/** The exec that a seed's image came from; its time is not known, so nothing may be measured from it. */
function execOf(event: SeedEvent): ExecEvent | undefined {
  if (event.comm === undefined && event.argv === undefined) return undefined;
  return {
    kind: 'exec',
    tsNs: event.process.startNs,
    process: event.process,
    ppid: event.parent?.pid,
    uids: event.uids,
    sid: event.sid,
    pgid: event.pgid,
    loginUid: event.loginUid,
    execId: event.execId,
    comm: event.comm,
    file: event.file,
    argv: event.argv,
    env: event.env,
    cgroupPath: event.cgroupPath,
  };
}

function authenticatedBefore(run: ConnectionRun): void {
  if (!run.dialogue.done) run.dialogue.finish(run.connection.lastNs, true, false);
}

/** A title of setproctitle: `sshd-session: alice [priv]`, `sshd: alice@pts/0`, `sshd: [net]`. */
interface Title {
  readonly user: Uint8Array | undefined;
  readonly suffix: 'priv' | 'net' | 'pam' | 'postauth' | undefined;
  readonly inSession: boolean;
}

const SUFFIXES = ['priv', 'net', 'pam', 'postauth'] as const;

function readTitle(title: Uint8Array): Title | undefined {
  let text = '';
  for (const byte of title) text += String.fromCharCode(byte);
  const colon = text.indexOf(': ');
  if (!text.startsWith('sshd') || colon < 0) return undefined;
  let rest = text.slice(colon + 2);
  const suffix = SUFFIXES.find((s) => rest.endsWith(`[${s}]`));
  if (suffix !== undefined) rest = rest.slice(0, -suffix.length - 2).trimEnd();
  if (rest.startsWith('[')) return { user: undefined, suffix, inSession: false };
  const at = rest.lastIndexOf('@');
  const name = at > 0 ? rest.slice(0, at) : rest;
  const known = name !== '' && name !== 'unknown' && !name.includes(' ');
  return { user: known ? Uint8Array.from(name, (c) => c.charCodeAt(0)) : undefined, suffix, inSession: at > 0 };
}

/** Titles are hints: between fork and the first title a child shows its parent's. */
function applyTitle(node: ProcessNode, run: ConnectionRun, title: Title): void {
  if (title.user !== undefined) run.connection.user ??= { name: title.user, source: 'title' };
  if (node.under !== 'monitor' || node.role !== 'undecided') return;
  if (title.suffix === 'net' || node.image === 'sshd-auth') node.spoke = 'preauth';
  else if (title.suffix === undefined && title.user !== undefined) {
    node.role = 'userChild';
    authenticatedBefore(run);
  }
  if (title.inSession) authenticatedBefore(run);
}
