/** What happened, as facts, said by witnesses alone: the clients, sshd's log, strace and the server's version. */
import type { ClientRun } from '../../agent/lab/client-process.ts';
import type { LogLine } from '../../agent/lab/witness-log.ts';
import type { LoggedConnection } from '../live/witness/server-log.ts';
import { parseServerLog } from '../live/witness/server-log.ts';
import type { Part } from './cast.ts';
import { type ClientStory, readClient } from './client-story.ts';
import { distinct, type Fact, type FactKind, type Unknowable } from './facts.ts';
import type { ProcessTree, TreeConnection } from './process-tree.ts';
import { programFacts, type SessionWitness, sessionLeaders } from './witness-programs.ts';

export interface Testimony {
  readonly parts: readonly Part[];
  readonly log: readonly LogLine[];
  readonly tree: ProcessTree;
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
  for (const [index, forward] of (own?.forwards ?? []).entries())
    say('forward', `${key} forward ${index + 1}`, forward, testimony.tellsLog ? undefined : 'producer-cannot');
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
  for (const session of sessions) saySession(say, session, monitor.end?.atMs ?? Number.POSITIVE_INFINITY);
  const server = sessions[0]?.leader.parent;
  const uid = server === monitor ? (testimony.family === 'A' ? 0 : undefined) : server?.uid;
  // pam_loginuid sets it to the user's, and only a program's exec shows it.
  if (testimony.pam && sessions.some((session) => session.leader.execs.length > 0)) say('login-uid', key, uid);
  programFacts(say, key, connection, sessions, attempts, testimony);
}

export interface WitnessedAttempt {
  readonly method: string;
  readonly query: boolean;
  readonly fingerprint?: string | undefined;
  readonly result: string;
  readonly text: string;
}

/** Without log lines these look like those. */
const WITHOUT_LOG: Readonly<Record<string, string>> = {
  protocol_error: 'scan',
  negotiation_failed: 'scan',
  too_many_failures: 'auth_failed',
};

/** Ends that only log lines or TCP states tell. */
const NEED_LOG: ReadonlySet<string> = new Set(['logout', 'reset', 'keepalive_timeout']);

/** What sshd's words mean. */
const LOGGED: Readonly<Record<string, string>> = {
  accepted: 'accepted',
  partial: 'partial',
  postponed: 'acceptable',
  failed: 'rejected',
};

/** The client's attempts that reached the monitor. */
function attemptsOf(
  stories: readonly ClientStory[],
  log: LoggedConnection | undefined,
  deniedByAccount: boolean,
  testimony: Testimony,
): WitnessedAttempt[] {
  const [story] = stories;
  if (story === undefined) return [];
  // sshd never looks at keys that are offered for a user whom it does not know (auth2-pubkey.c userauth_pubkey).
  const valid = log?.userValid !== false;
  const seen = story.attempts.filter((attempt) => valid || attempt.method !== 'publickey');
  const judged = log?.attempts.filter((one) => one.method === 'publickey' || one.result !== 'postponed') ?? [];
  // A prompt that nobody answered is no attempt.
  const untyped =
    seen.at(-1)?.result === 'unanswered' && seen.at(-1)?.method !== 'publickey' && judged.length < seen.length;
  const reached = untyped ? seen.slice(0, -1) : seen;
  // A client that left meanwhile did not hear the answer to its last attempt, but sshd logged it.
  const unheard = judged.at(reached.length - 1);
  return reached.map((attempt, index) => {
    const known = attempt.keyPath === undefined ? undefined : testimony.keyOf(attempt.keyPath);
    const type = attempt.keyType ?? known?.type;
    const fingerprint = attempt.fingerprint ?? known?.fingerprint;
    const last = index === reached.length - 1;
    const denied = deniedByAccount && last;
    const answer = attempt.result === 'unanswered' && last ? LOGGED[unheard?.result ?? ''] : attempt.result;
    const result = denied ? 'denied' : (answer ?? 'aborted');
    const words = [attempt.method, ...(attempt.query ? ['query'] : []), type, fingerprint, result];
    const text = words.filter((word) => word !== undefined).join(' ');
    return { method: attempt.method, query: attempt.query, fingerprint, result, text };
  });
}

/** sshd logged the same attempts as the client made. */
function crossCheck(key: string, attempts: readonly WitnessedAttempt[], log: LoggedConnection): void {
  const ofClient = attempts
    .filter(
      (attempt) =>
        attempt.result === 'accepted' ||
        attempt.result === 'partial' ||
        ['rejected', 'denied'].includes(attempt.result),
    )
    .map((attempt) => [attempt.method, attempt.fingerprint, attempt.result === 'denied' ? 'rejected' : attempt.result]);
  const ofLog = log.attempts
    .filter((attempt) => attempt.result !== 'postponed')
    .map((one) => [one.method.split('/')[0], one.fingerprint, one.result === 'failed' ? 'rejected' : one.result]);
  const [client, server] = [JSON.stringify(ofClient), JSON.stringify(ofLog)];
  // At INFO sshd leaves out most failures, and what it logs is still in order.
  const inOrder = ofLog.reduce(
    (at, one) =>
      at < 0 ? at : ofClient.findIndex((each, i) => i >= at && JSON.stringify(each) === JSON.stringify(one)) + 1 || -1,
    0,
  );
  const verbose = log.peerPort !== undefined;
  if (verbose ? client !== server : inOrder < 0)
    throw new Error(`${key}: the client's attempts ${client}, sshd's log has ${server}`);
}

/** Id, serial and authority of the run's certificate, as sshd logs it. */
function certificateOf(log: readonly LogLine[]): string | undefined {
  const lines = log.map((line) => / ID (.*) \(serial (\d+)\) CA \S+ (SHA256:\S+)/.exec(line.text));
  const found = lines.find((line) => line !== null);
  return found === undefined ? undefined : found?.slice(1).join(' ');
}

/** PAM refuses the account: sshd says so, or it hangs up at once on a password that it took. */
function isDenied(
  { stderr, startedMs, endedMs }: ClientRun,
  story: ClientStory | undefined,
  log: LoggedConnection | undefined,
  graceMs: number,
): boolean {
  if (log?.ends.some((line) => line.includes('by PAM account configuration')) === true) return true;
  const hungUp = /^Connection closed by /m.test(stderr) && story?.attempts.at(-1)?.result === 'unanswered';
  return hungUp && endedMs - startedMs < graceMs && log?.attempts.at(-1)?.result === 'failed' && !story.tooManyFailures;
}

/** It got so far as to name its user. */
function reachedAuthentication(stderr: string): boolean {
  return stderr.includes('debug1: Authentications that can continue') || stderr.includes('Authenticated to ');
}

/** Why the connection ended, by what the client did and was told. */
function endOf(
  part: Part,
  story: ClientStory | undefined,
  attempts: readonly WitnessedAttempt[],
  deniedByAccount: boolean,
  graceMs: number,
): string | undefined {
  if (part.raw !== undefined) {
    if (part.raw.endedBy === 'server' && part.raw.afterMs >= graceMs) return 'grace_time';
    return part.raw.sent === '' || part.raw.sent.startsWith('SSH-') ? 'scan' : 'protocol_error';
  }
  if (story === undefined || part.run === undefined) return undefined;
  if (story.negotiationFailed) return 'negotiation_failed';
  if (part.monitorKilled === true) return 'killed';
  if (story.authenticated) {
    if (part.stopped === true) return 'keepalive_timeout';
    if (part.reset === true) return 'reset';
    return part.run.signal === undefined || part.run.signal === 'SIGTERM' ? 'logout' : 'client_vanished';
  }
  if (part.run.endedMs - part.run.startedMs >= graceMs) return 'grace_time';
  if (deniedByAccount) return 'account_denied';
  if (story.tooManyFailures) return 'too_many_failures';
  return attempts.some((attempt) => attempt.result !== 'aborted') ? 'auth_failed' : 'no_attempt';
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
