/** Attempts to log in, as the client made them and sshd logged them. */

import type { LoggedConnection } from '../live/witness/server-log.ts';
import type { ClientStory } from './client-story.ts';
import type { WitnessedAttempt } from './witness-ends.ts';
import type { Testimony } from './witness-facts.ts';

/** What sshd's words mean. */
const LOGGED: Readonly<Record<string, string>> = {
  accepted: 'accepted',
  partial: 'partial',
  postponed: 'acceptable',
  failed: 'rejected',
};

/** The client's attempts that reached the monitor. */
export function attemptsOf(
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
export function crossCheck(key: string, attempts: readonly WitnessedAttempt[], log: LoggedConnection): void {
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
