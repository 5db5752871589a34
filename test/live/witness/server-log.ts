/** Witness: what sshd itself logged at LogLevel VERBOSE. */
import type { LogLine } from '../../../agent/lab/witness-log.ts';

export interface LoggedAttempt {
  readonly method: string;
  readonly result: 'accepted' | 'partial' | 'postponed' | 'failed';
  /** As sshd names it: `ED25519`. */
  readonly keyType?: string | undefined;
  readonly fingerprint?: string | undefined;
}

export interface LoggedConnection {
  readonly monitorPid: number;
  readonly peerPort?: number | undefined;
  readonly user?: string | undefined;
  readonly userValid?: boolean | undefined;
  readonly attempts: readonly LoggedAttempt[];
  readonly acceptedMethod?: string | undefined;
  readonly userChildPid?: number | undefined;
  /** `shell on pts/0`, `command`, `subsystem 'sftp'`, in order. */
  readonly sessions: readonly string[];
  /** The last lines that tell why it ended. */
  readonly ends: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const RESULTS: Readonly<Record<string, LoggedAttempt['result']>> = {
  Accepted: 'accepted',
  Failed: 'failed',
  Postponed: 'postponed',
  Partial: 'partial',
};
const ATTEMPT =
  /^(Accepted|Failed|Postponed|Partial) (\S+) for (invalid user )?(.*) from \S+ port (\d+) ssh2(?:: (\S+) (SHA256:\S+)(?: ID .*)?)?(?: \[preauth\])?$/s;
const END =
  /^(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting|Timeout before|fatal: |Received disconnect|error: maximum authentication)/;

/** One entry for each monitor that logged something, in the order of the first line. */
export function parseServerLog(lines: readonly LogLine[]): LoggedConnection[] {
  const connections = new Map<number, Mutable<LoggedConnection>>();
  const monitorOf = new Map<number, number>();
  for (const { program, pid, text } of lines) {
    if (pid === undefined || program === undefined || !/^sshd(-session|-auth)?$/.test(program)) continue;
    if (/^(Server listening|Received SIGHUP|Received signal)/.test(text)) continue;
    const monitorPid = monitorOf.get(pid) ?? pid;
    const connection = connections.get(monitorPid) ?? { monitorPid, attempts: [], sessions: [], ends: [] };
    connections.set(monitorPid, connection);
    const child = /^User child is on pid (\d+)$/.exec(text);
    if (child !== null) {
      connection.userChildPid = Number(child[1]);
      monitorOf.set(connection.userChildPid, monitorPid);
    }
    readLine(connection, text);
  }
  return [...connections.values()];
}

function readLine(connection: Mutable<LoggedConnection>, text: string): void {
  const from = /^Connection from \S+ port (\d+) on /.exec(text);
  if (from !== null) connection.peerPort = Number(from[1]);
  const invalid = /^Invalid user (.*) from \S+ port \d+$/s.exec(text);
  if (invalid !== null) {
    connection.user = invalid[1];
    connection.userValid = false;
  }
  const session = /^Starting session: (.*) for \S+ from \S+ port \d+ id \d+$/s.exec(text);
  if (session !== null) connection.sessions.push(session[1] ?? '');
  if (END.test(text)) connection.ends.push(text);
  const attempt = ATTEMPT.exec(text);
  // `Accepted key …` answers a query and has another form; `Failed none` is the client asking what it may try.
  if (attempt === null || attempt[2] === 'none') return;
  const result = RESULTS[attempt[1] ?? ''] ?? 'failed';
  connection.user = attempt[4];
  connection.userValid = attempt[3] === undefined;
  if (result === 'accepted') connection.acceptedMethod = attempt[2];
  connection.attempts.push({ method: attempt[2] ?? '', result, keyType: attempt[6], fingerprint: attempt[7] });
}
