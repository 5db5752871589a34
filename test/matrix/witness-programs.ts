/** What ran, as strace saw it, as facts. */
import type { Stretch } from './facts.ts';
import { forkerOf, isServerItself, type TreeConnection, type TreeProcess } from './process-tree.ts';
import type { WitnessedAttempt } from './witness-ends.ts';
import type { Say, Testimony } from './witness-facts.ts';

export interface SessionWitness {
  /** `ADDRESS session 1`. */
  readonly name: string;
  readonly leader: TreeProcess;
  /** What ran: the argument of `-c`. */
  readonly command?: string | undefined;
  readonly kind: string;
  /** What the client asked for where something else ran. */
  readonly requested?: string | undefined;
  readonly tty?: string | undefined;
  readonly traceparent?: string | undefined;
}

const KEYS_COMMAND = 'ssh.authorized_keys_command';
const PRINCIPALS_COMMAND = 'ssh.authorized_principals_command';

/** An exit is over before strace hears of it; on a busy machine it is woken late, never early. */
const STRACE_LAG_MS = 250;

const runsPrograms = (process: TreeProcess) => process.execs.some((exec) => !isServerItself(exec));

/**
 * Processes of their own session that were forked by a child of the monitor which runs nothing itself; for root in A by the
 * monitor. In order of their forks.
 */
export function sessionLeaders(connection: TreeConnection, family: string): TreeProcess[] {
  const { monitor } = connection;
  const network = networkChild(monitor);
  const servers = monitor.children.filter((child) => child !== network && !runsPrograms(child) && !child.ownSession);
  const serving = servers.length > 0 ? servers : family === 'A' || family === 'D' ? [monitor] : [];
  const own = serving.flatMap((server) => server.children.filter((child) => child.ownSession && !isOfPam(child)));
  return own.sort((a, b) => a.forkMs - b.forkMs);
}

function networkChild(monitor: TreeProcess): TreeProcess | undefined {
  return monitor.children.find((child) => !runsPrograms(child) && child.uid !== undefined && !child.ownSession);
}

/** Says all programs of a connection: sshd's helpers and what ran in sessions. */
export function programFacts(
  say: Say,
  key: string,
  connection: TreeConnection,
  sessions: readonly SessionWitness[],
  attempts: readonly WitnessedAttempt[],
  testimony: Testimony,
): void {
  const { monitor } = connection;
  const runs = new KeysCommandRuns(attempts);
  const siblings = new Map<string, Stretch[]>();
  const served = new Map<TreeProcess, number>();
  const places = new Map<TreeProcess, string>();
  const certificates = attempts.flatMap((attempt, index) => (attempt.text.includes('-CERT ') ? [index + 1] : []));
  for (const top of [...monitor.children].sort((a, b) => a.forkMs - b.forkMs)) {
    const argv = top.execs[0]?.argv ?? [];
    if (isPrincipalsCommand(argv)) {
      served.set(top, certificates.shift() ?? 0);
      // It is given the certificate's id or authority, which a keys command cannot be.
      if (argv.some((arg) => arg.includes('@') || arg.startsWith('SHA256:'))) places.set(top, PRINCIPALS_COMMAND);
      continue;
    }
    if (ownerOf(top, connection, sessions, testimony) !== KEYS_COMMAND) continue;
    const ordinal = runs.next(argv);
    served.set(top, ordinal);
    // With a certificate, principals and keys command may both run, and nothing outside tells them apart.
    if (attempts[ordinal - 1]?.text.includes('-CERT ') === true) places.set(top, 'ssh.auth.helper');
  }
  const walk = (process: TreeProcess, top: TreeProcess | undefined): void => {
    const here = top ?? (process === monitor ? undefined : process);
    if (process !== monitor && runsPrograms(process)) sayProcess(process, here ?? process);
    if (process.listenMs !== undefined) return;
    for (const child of [...process.children].sort((a, b) => a.forkMs - b.forkMs)) {
      const leader = sessions.some((session) => session.leader === child);
      walk(child, leader ? child : process === monitor ? child : here);
    }
  };
  const sayProcess = (process: TreeProcess, top: TreeProcess): void => {
    const programs = process.execs.filter((exec) => !isServerItself(exec));
    const owner = places.get(top) ?? ownerOf(top, connection, sessions, testimony);
    const [forker, number] = forkerOf(process);
    const forkerName =
      forker === undefined || number - skippedOf(forker) <= 0 ? undefined : nameOf(forker, number - skippedOf(forker));
    // sshd, or a child of it that runs nothing itself (PAM's), started it.
    const helper = forkerName === undefined && owner.startsWith('ssh.');
    const endMs = process.end?.atMs ?? Number.POSITIVE_INFINITY;
    for (const [index, exec] of programs.entries()) {
      const own = nameOf(process, index + 1);
      const program = `${key} ${own}`;
      const next = programs[index + 1];
      const first = helper && index === 0;
      // The run of a helper is the process's, whatever program it becomes; its later programs lie below it.
      // What begins to listen is a server from then on, and no program of the session.
      const left = next === undefined && process.listenMs !== undefined ? { atMs: process.listenMs } : undefined;
      const end = left === undefined && (next === undefined || first) ? (process.end?.text ?? 'runs') : 'replaced';
      const stopMs = left?.atMs ?? (next === undefined || first ? endMs : next.atMs);
      const startMs = first ? process.forkMs : exec.atMs;
      const parent = helper && index > 0 ? nameOf(process, 1) : forkerName;
      say('program', program, JSON.stringify(exec.argv.map((arg) => Buffer.from(arg, 'latin1').toString('utf8'))));
      say('exit', program, end);
      say('container', program, testimony.container);
      if (exec.forksAtEnd > 0)
        say(
          'forks',
          program,
          `${exec.forks} ${exec.forks + exec.forksAtEnd}`,
          exec.forks > 0 ? undefined : 'ended-together',
        );
      else if (exec.forks > 0) say('forks', program, exec.forks);
      if (exec.failedExecs > 0)
        say('failed-execs', program, exec.failedExecs, testimony.exact ? undefined : 'exact-only');
      say('parent', program, parent ?? 'none');
      say('owner', program, owner);
      say('time', `${program} ${first ? 'fork' : 'exec'}`, `${startMs} ${first ? exec.atMs : exec.returnedMs}`);
      const replaced = next !== undefined && !first ? `${next.atMs} ${next.returnedMs}` : undefined;
      // bpftrace hears of it at its first connection.
      const heardMs = Math.min(...process.children.map((child) => child.forkMs));
      const listens = left && `${left.atMs} ${testimony.tellsLog ? left.atMs : Math.max(left.atMs, heardMs)}`;
      say('time', `${program} end`, listens ?? replaced ?? `${stopMs - STRACE_LAG_MS} ${stopMs}`);
      if (stopMs > (monitor.end?.atMs ?? Number.POSITIVE_INFINITY)) say('survivor', program, true);
      const family = `${key} ${parent ?? (owner.startsWith('session') ? owner : 'helpers')}`;
      siblings.set(family, [...(siblings.get(family) ?? []), [own, startMs, stopMs]]);
      if ((owner === KEYS_COMMAND || owner === PRINCIPALS_COMMAND) && first)
        say('keys-command', program, `for attempt ${served.get(top)} as ${process.uid}`);
    }
  };
  walk(monitor, undefined);
  for (const [family, stretches] of siblings) say('order', family, JSON.stringify(stretches));
}

function skippedOf(process: TreeProcess): number {
  return process.execs.filter(isServerItself).length;
}

function nameOf({ pid, again }: TreeProcess, exec: number): string {
  return `program ${pid}${again === 0 ? '' : ` again ${again}`}${exec === 1 ? '' : ` exec ${exec}`}`;
}

/** Span below which a program must lie: its session, or the helper's by what sshd was doing when it forked it. */
function ownerOf(
  top: TreeProcess,
  connection: TreeConnection,
  sessions: readonly SessionWitness[],
  testimony: Testimony,
): string {
  const session = sessions.findIndex((one) => one.leader === top);
  if (session >= 0) return `session ${session + 1}`;
  const argv = top.execs[0]?.argv ?? [];
  if (argv.slice(0, 2).some((arg) => arg.split('/').at(-1) === testimony.keysCommand)) return KEYS_COMMAND;
  const network = networkChild(connection.monitor);
  const letIn = network?.end?.text === 'exit 0' ? network.end.atMs : Number.POSITIVE_INFINITY;
  const firstSession = Math.min(...sessions.map((one) => one.leader.forkMs));
  if (top.forkMs < letIn) return 'ssh.auth.helper';
  return top.forkMs < firstSession ? 'ssh.setup.helper' : 'ssh.helper';
}

/** The scenarios' pam_exec runs scripts that are called so; it calls setsid for them. */
function isOfPam(process: TreeProcess): boolean {
  return process.execs[0]?.argv.slice(0, 2).some((arg) => arg.split('/').at(-1)?.startsWith('pam-')) === true;
}

/** The scenarios' AuthorizedPrincipalsCommand is called so. */
function isPrincipalsCommand(argv: readonly string[]): boolean {
  return argv.slice(0, 2).some((arg) => arg.split('/').at(-1) === 'principals');
}

/** Which attempt each run of the keys command served: the next that asks about or signs with the key in its arguments. */
class KeysCommandRuns {
  readonly #left: { readonly ordinal: number; readonly fingerprint: string | undefined }[];

  constructor(attempts: readonly WitnessedAttempt[]) {
    this.#left = attempts.map((attempt, index) => ({ ordinal: index + 1, fingerprint: attempt.fingerprint }));
  }

  next(argv: readonly string[]): number {
    const at = this.#left.findIndex((one) => one.fingerprint !== undefined && argv.includes(one.fingerprint));
    const [found] = at < 0 ? [] : this.#left.splice(at, 1);
    return found?.ordinal ?? 0;
  }
}
