/** One authentication attempt, from its request to the fact that settles what its success meant. */
import type { Connection } from './connection.ts';
import type { KeyFacts } from './key-facts.ts';
import type { AttemptResult, FactSource, IncompleteReason, SpanRef } from './session-event.ts';

/** Span of `ssh.auth`, parent of all attempts. */
export const AUTH: SpanRef = { kind: 'auth', key: [] };

/** What the monitor answered; what it meant shows only in what follows. */
export type Verdict = 'yes' | 'no' | 'bad_signature' | 'acceptable';

/** What followed a verdict. */
export type Sequel = 'authenticated' | 'denied' | 'another' | 'end';

export interface Attempt {
  readonly ordinal: number;
  readonly ref: SpanRef;
  method: string | undefined;
  readonly startNs: bigint;
  readonly startUnknown: boolean;
  /** undefined: an old sshd has no flag, or it was not copied. */
  query: boolean | undefined;
  key: KeyFacts | undefined;
  readonly source: FactSource;
  verdict: Verdict | undefined;
  endNs: bigint | undefined;
  /** The key would do (type 23): the end of a query, but not of a signed request. */
  allowedNs: bigint | undefined;
  /** Time inside it that waited for the client. */
  clientNs: bigint;
  /** Prompts that the user has answered. */
  prompts: number;
  /** Events were lost while it waited for its answer: what answer comes may be another attempt's. */
  gapped: boolean;
}

/** Opens an attempt; `method` undefined where the request was lost. */
export function openAttempt(
  ordinal: number,
  method: string | undefined,
  startNs: bigint,
  source: FactSource = 'monitor',
  startUnknown = false,
): Attempt {
  return {
    ordinal,
    ref: { kind: 'attempt', key: [String(ordinal)], startNs },
    method,
    startNs,
    startUnknown,
    query: undefined,
    key: undefined,
    source,
    verdict: undefined,
    endNs: undefined,
    allowedNs: undefined,
    clientNs: 0n,
    prompts: 0,
    gapped: false,
  };
}

/**
 * The result that a verdict and its sequel make. A success without a login is a step of several methods; for root it may
 * as well be `PermitRootLogin` (monitor.c `monitor_child_preauth`, auth_root_allowed), which only a log line tells.
 */
function resultOf(attempt: Attempt, sequel: Sequel, connection: Connection): AttemptResult | undefined {
  if (attempt.gapped && (attempt.verdict === undefined || sequel === 'end')) return undefined;
  switch (attempt.verdict) {
    case 'acceptable':
      return 'acceptable';
    case 'no':
      return 'rejected';
    case 'bad_signature':
      // Up to 7.5 type 25 says 1 for verified: if a login follows, it was.
      return sequel === 'authenticated' ? 'accepted' : 'bad_signature';
    case 'yes':
      if (sequel === 'authenticated') return 'accepted';
      if (sequel === 'denied' || connection.rootRefused) return 'denied';
      return isRoot(connection) ? undefined : 'partial';
    case undefined:
      if (sequel === 'authenticated') return 'accepted';
      return sequel === 'end' ? 'aborted' : undefined;
  }
}

function isRoot(connection: Connection): boolean {
  const name = connection.user?.name;
  return name !== undefined && String.fromCharCode(...name.subarray(0, 8)) === 'root';
}

/** Tells a finished attempt and keeps the connection's accounts. */
export function settleAttempt(attempt: Attempt, sequel: Sequel, tsNs: bigint, connection: Connection): void {
  const result = resultOf(attempt, sequel, connection);
  const endNs = attempt.endNs ?? tsNs;
  if (result === 'acceptable') connection.queries++;
  else if (result !== 'aborted' && result !== undefined) connection.attempts++;
  if (result === 'rejected' || result === 'bad_signature' || result === 'denied') connection.failedAttempts++;
  if (result === 'accepted' || result === 'partial') {
    if (attempt.method !== undefined) connection.authMethods = connection.authMethods.concat(attempt.method);
    if (attempt.key !== undefined) connection.key = attempt.key;
  }
  const incomplete: IncompleteReason[] = [];
  const lossy = attempt.method === undefined || attempt.startUnknown || attempt.gapped || attempt.verdict === undefined;
  if (lossy && result !== 'aborted' && result !== 'accepted') incomplete.push('events_lost');
  if (!attempt.startUnknown && !attempt.gapped) connection.spend('server', endNs - attempt.startNs - attempt.clientNs);
  connection.tell(
    {
      kind: 'attempt',
      ref: attempt.ref,
      parent: AUTH,
      startNs: attempt.startNs,
      endNs,
      ordinal: attempt.ordinal,
      method: attempt.method,
      query: attempt.query,
      result,
      key: attempt.key,
      source: attempt.source,
      ...(attempt.startUnknown ? { startUnknown: true } : {}),
      ...(attempt.endNs === undefined && result !== 'aborted' ? { endUnknown: true } : {}),
      ...(incomplete.length > 0 && attempt.source === 'monitor' ? { incomplete } : {}),
    },
    tsNs,
  );
}
