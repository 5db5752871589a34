/** Why connections ended, said by the clients and sshd's log. */
import type { ClientRun } from '../../agent/lab/client-process.ts';
import type { LoggedConnection } from '../live/witness/server-log.ts';
import type { Part } from './cast.ts';
import type { ClientStory } from './client-story.ts';

/** An attempt as the client and sshd's log tell it. */
export interface WitnessedAttempt {
  readonly method: string;
  readonly query: boolean;
  readonly fingerprint?: string | undefined;
  readonly result: string;
  readonly text: string;
}

/** Without log lines these look like those. */
export const WITHOUT_LOG: Readonly<Record<string, string>> = {
  protocol_error: 'scan',
  negotiation_failed: 'scan',
  too_many_failures: 'auth_failed',
};

/** Ends that only log lines or TCP states tell. */
export const NEED_LOG: ReadonlySet<string> = new Set(['logout', 'reset', 'keepalive_timeout']);

/** PAM refuses the account: sshd says so, or it hangs up at once on a password that it took. */
export function isDenied(
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
export function reachedAuthentication(stderr: string): boolean {
  return stderr.includes('debug1: Authentications that can continue') || stderr.includes('Authenticated to ');
}

/** Why the connection ended, by what the client did and was told. */
export function endOf(
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
