/** What happened, as facts, said by witnesses alone: the clients, sshd's log, strace and the server's version. */
import type { LogLine } from '../../agent/lab/witness-log.ts';
import type { LoggedConnection } from '../live/witness/server-log.ts';
import { parseServerLog } from '../live/witness/server-log.ts';
import type { Part } from './cast.ts';
import { type ClientStory, readClient } from './client-story.ts';
import { distinct, type Fact, type FactKind, type Unknowable } from './facts.ts';
import type { SeenForward } from './forward-peers.ts';
import type { ProcessTree, TreeConnection } from './process-tree.ts';
import { attemptsOf, crossCheck } from './witness-attempts.ts';
import { endOf, isDenied, NEED_LOG, reachedAuthentication, WITHOUT_LOG } from './witness-ends.ts';
import { fileFacts } from './witness-files.ts';
import { programFacts, type SessionWitness, sessionLeaders } from './witness-programs.ts';

export interface Testimony {
  readonly parts: readonly Part[];
  readonly log: readonly LogLine[];
  readonly tree: ProcessTree;
  /** Id and pod of the container where the server and all its children are; absent: in none. */
  readonly container: string | undefined;
  /** By the server's version. */
  readonly family: 'A' | 'B' | 'C' | 'D';
  /** Base name of the AuthorizedKeysCommand. */
  readonly keysCommand: string;
  /** Type and fingerprint of a private key that a client could not name, by its path. */
  readonly keyOf: (path: string) => { readonly type: string; readonly fingerprint: string } | undefined;
  /** LoginGraceTime, ms. */
  readonly graceMs: number;
  /** `UsePAM yes`. */
  readonly pam: boolean;
  /** The producer tells sshd's log lines and TCP states. */
  readonly tellsLog: boolean;
  /** The producer's mode shows failed execs. */
  readonly exact: boolean;
}

export type Say = (kind: FactKind, key: string, value: unknown, unknowable?: Unknowable) => void;

/** @throws Error if two witnesses contradict each other: then the comparison would be worth nothing */
export function witnessFacts(testimony: Testimony): Fact[] {
  const facts: Fact[] = [];
  const say: Say = (kind, key, value, unknowable) => {
    if (value !== undefined) facts.push({ kind, key, value: String(value), unknowable });
  };
  const logged = new Map(parseServerLog(testimony.log).map((one) => [one.monitorPid, one]));
  const name = distinct();
  const left = [...testimony.parts];
  for (const connection of testimony.tree.connections) {
    const key = name(connection.address);
    const owner = left.findIndex((part) => part.address === connection.address && !part.rides);
    const [own] = owner < 0 ? [] : left.splice(owner, 1);
    const riders = testimony.parts.filter((part) => part.address === connection.address && part.rides);
    const parts = own === undefined ? [] : [own, ...riders];
    sayConnection(say, key, connection, parts, logged.get(connection.monitor.pid), testimony);
  }
  for (const { address, port, listener } of testimony.tellsLog ? testimony.tree.dropped : []) {
    const key = name(address);
    say('peer', key, `${address}:${port}`);
    say('login', key, 'no');
    say('whole', key, 'yes');
    say('monitor', key, listener);
    say('end', key, 'not_admitted');
  }
  return facts;
}

function sayConnection(
  say: Say,
  key: string,
  connection: TreeConnection,
  parts: readonly Part[],
  log: LoggedConnection | undefined,
  testimony: Testimony,
): void {
  const [own] = parts;
  const stories = parts.flatMap((part) => (part.run === undefined ? [] : [readClient(part.run.stderr)]));
  const [story] = stories;
  const authenticated = story?.authenticated === true;
  const { monitor } = connection;
  const deniedByAccount = own?.run !== undefined && isDenied(own.run, story, log, testimony.graceMs);
  if (log?.peerPort !== undefined && log.peerPort !== connection.port) throw new Error(`${key}: ports differ`);
  say('peer', key, `${connection.address}:${connection.port}`);
  say('monitor', key, monitor.pid);
  const reached = own?.run !== undefined && reachedAuthentication(own.run.stderr);
  const early = reached ? undefined : 'family-of-scan';
  say('family', key, testimony.family, early);
  sayForwards(say, key, own?.forwards ?? [], testimony);
  if (own?.bytes !== undefined) say('bytes', key, `${own.bytes.sent} received, ${own.bytes.got} sent`, 'closed-first');
  say('whole', key, 'yes');
  say('login', key, authenticated ? 'yes' : 'no');
  if (own !== undefined && reached) {
    say('user', key, own.user);
    say('valid', key, log?.userValid !== false);
  }
  const attempts = attemptsOf(stories, log, deniedByAccount, testimony);
  if (log !== undefined) crossCheck(key, attempts, log);
  for (const [index, attempt] of attempts.entries()) {
    say('attempt', `${key} attempt ${index + 1}`, attempt.text);
    if (attempt.text.includes('ED25519-CERT'))
      say('certificate', `${key} attempt ${index + 1}`, certificateOf(testimony.log));
  }
  if (authenticated) {
    const steps = attempts.filter((attempt) => ['accepted', 'partial'].includes(attempt.result));
    say('method', key, steps.map((attempt) => attempt.method).join(','));
    say('login-key', key, steps.findLast((attempt) => attempt.fingerprint !== undefined)?.fingerprint);
  }
  say('monitor-exit', key, monitor.end?.text);
  if (own !== undefined) {
    const cutOff = own.proxied === true && log?.ends.some((line) => line.startsWith('Received disconnect')) !== true;
    const reason = cutOff ? 'client_vanished' : endOf(own, story, attempts, deniedByAccount, testimony.graceMs);
    const seen = testimony.tellsLog || reason === undefined ? reason : (WITHOUT_LOG[reason] ?? reason);
    const blind = !testimony.tellsLog && seen !== undefined && NEED_LOG.has(seen);
    say('end', key, seen, blind ? 'producer-cannot' : undefined);
  }
  const sessions = authenticated ? sessionsOf(key, connection, parts, stories, log, testimony) : [];
  for (const session of sessions) {
    saySession(say, session, monitor.end?.atMs ?? Number.POSITIVE_INFINITY);
    fileFacts(say, session, testimony);
  }
  const server = sessions[0]?.leader.parent;
  const uid = server === monitor ? (testimony.family === 'A' ? 0 : undefined) : server?.uid;
  // pam_loginuid sets it to the user's, and only a program's exec shows it.
  if (testimony.pam && sessions.some((session) => session.leader.execs.length > 0)) say('login-uid', key, uid);
  say('audit-session', key, auditSessionOf(own));
  say('container', key, testimony.container);
  programFacts(say, key, connection, sessions, attempts, testimony);
}

/** As a command of the session that looked at /proc/self/sessionid says; no number: the kernel has none. */
function auditSessionOf(part: Part | undefined): string | undefined {
  const said = /^audit session (\d+)$/m.exec(part?.run?.stdout ?? '')?.[1];
  return said === '4294967295' ? undefined : said;
}

function sayForwards(say: Say, key: string, forwards: readonly SeenForward[], testimony: Testimony): void {
  const name = distinct();
  for (const { what, result, bytes, exact } of forwards) {
    const untold = exact === true && !testimony.exact ? 'exact-only' : undefined;
    const unknowable = testimony.tellsLog ? untold : 'producer-cannot';
    const about = `${key} ${name(what)}`;
    say('forward', about, result, unknowable);
    say('forward-bytes', about, bytes, unknowable);
  }
}

/** Id, serial and authority of the run's certificate, as sshd logs it. */
function certificateOf(log: readonly LogLine[]): string | undefined {
  const lines = log.map((line) => / ID (.*) \(serial (\d+)\) CA \S+ (SHA256:\S+)/.exec(line.text));
  const found = lines.find((line) => line !== null);
  return found === undefined ? undefined : found?.slice(1).join(' ');
}

/** Joins the leaders that strace saw with what the clients asked for and sshd logged. */
function sessionsOf(
  key: string,
  connection: TreeConnection,
  parts: readonly Part[],
  stories: readonly ClientStory[],
  log: LoggedConnection | undefined,
  testimony: Testimony,
): SessionWitness[] {
  const leaders = sessionLeaders(connection, testimony.family);
  const asked = parts.filter((part) => part.asks !== undefined && part.run !== undefined);
  // What the clients say of themselves is what their own transcripts say, where there is one.
  const [story] = stories;
  if (story?.session !== undefined && story.session !== (asked[0]?.asks ?? 'shell'))
    throw new Error(`${key}: the client asked for ${asked[0]?.asks}, its transcript says ${story.session}`);
  if (asked.length !== leaders.length)
    throw new Error(`${key}: the clients asked for ${asked.length} sessions, strace saw ${leaders.length}`);
  const left = [...asked];
  return leaders.map((leader, index) => {
    const ran = leader.execs[0]?.argv[1] === '-c' ? leader.execs[0].argv[2] : undefined;
    const command = ran === undefined ? undefined : Buffer.from(ran, 'latin1').toString('utf8');
    const same = left.findIndex((part) => part.command !== undefined && part.command === command);
    const [one] = left.splice(Math.max(0, same), 1);
    const status = one?.run?.signal === undefined && one?.run?.exitCode !== 255 ? one?.run?.exitCode : undefined;
    const isCommands = one?.asks === 'exec' || one?.asks === 'shell';
    if (isCommands && status !== undefined && leader.end !== undefined && leader.end.text !== `exit ${status}`)
      throw new Error(`${key}: the client was told exit status ${status}, strace saw ${leader.end.text}`);
    // A client may have printed it; sshd logs it at VERBOSE, where no line was lost.
    const printed = /\/dev\/(pts\/\d+)/.exec(one?.run?.stdout ?? '')?.[1];
    const logged = / on (pts\/\d+)$/.exec(log?.sessions[index] ?? '')?.[1];
    const terminal = one?.pty === true ? (printed ?? logged) : undefined;
    return {
      ...{ name: `${key} session ${index + 1}`, leader, command },
      kind: one?.asks ?? '?',
      requested: one?.command !== command ? one?.command : undefined,
      tty: terminal === undefined ? undefined : `/dev/${terminal}`,
      traceparent: one?.traceparent,
    };
  });
}

function saySession(say: Say, session: SessionWitness, monitorEndMs: number): void {
  const { name, leader } = session;
  say('session', name, session.kind);
  say('command', name, session.command);
  say('requested', name, session.requested);
  say('tty', name, session.tty);
  const endMs = leader.end?.atMs ?? Number.POSITIVE_INFINITY;
  const byLeader = endMs <= monitorEndMs;
  say('session-end', name, byLeader ? 'leader' : 'connection');
  if (byLeader) say('session-exit', name, leader.end?.text);
  if (session.traceparent === undefined) return;
  const [, traceId, spanId] = session.traceparent.split('-');
  say('link', name, `${traceId} ${spanId}`);
}
