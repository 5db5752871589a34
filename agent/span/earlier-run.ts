/**
 * What an agent leaves to the next one, so that connections that are open go on in the same traces. Spans that are open at a
 * planned end are not told; they are told by the next agent, under the same ids, if a seed confirms pid and start and the
 * host has not booted since.
 *
 * After a crash nothing is left: what the dead agent told cannot be known, so what is seen of those connections later goes
 * into a trace of its own each, linked to the first.
 */
import type { Endpoints, ProcessId } from '../decode/kernel-event.ts';
import type { AuthActivity, ConnectionFacts, FactSource, IncompleteReason, KeyFacts } from '../sshd/session-event.ts';

/** What is told of a connection with its later spans, and nobody would learn again. */
export interface SavedFacts {
  readonly endpoints?: Endpoints | undefined;
  readonly user?: { readonly name: Uint8Array; readonly source: FactSource } | undefined;
  readonly userValid?: boolean | undefined;
  readonly authenticatedNs?: bigint | undefined;
  readonly authMethods: readonly string[];
  readonly key?: KeyFacts | undefined;
  readonly attempts: number;
  readonly failedAttempts: number;
  readonly queries: number;
  readonly sessions: number;
  readonly programs: number;
  readonly loginUid?: number | undefined;
  readonly auditSession?: number | undefined;
  readonly login?: ConnectionFacts['login'];
  readonly incomplete: readonly IncompleteReason[];
  readonly lostEvents: number;
  readonly missingPhases: readonly string[];
  readonly wallOffsetNs: bigint;
}

/** Where the ids of a connection's spans stand. */
export interface SavedIds {
  /** Where segments 1, 2, … begin, boot ns. */
  readonly segmentStarts: readonly bigint[];
  /** Encoded bytes of the last segment. */
  readonly segmentBytes: number;
  readonly lastAttempt: number;
  readonly authResult?: AuthActivity['result'];
  /** Of the first segment that was ours, if an earlier agent had been killed. */
  readonly resumed?: { readonly atNs: bigint; readonly number: number } | undefined;
}

export interface SavedConnection {
  readonly id: ProcessId;
  readonly facts: SavedFacts;
  readonly ids: SavedIds;
}

/** The agent before this one. */
export interface EarlierRun {
  readonly bootId: string;
  /** Boot time at which it ended in good order; absent: it did not. */
  readonly endedNs?: bigint | undefined;
  /** What it left of a connection. */
  connection(id: ProcessId): SavedConnection | undefined;
}

/** An earlier run from what it saved. */
export function earlierRun(
  bootId: string,
  endedNs: bigint | undefined,
  connections: readonly SavedConnection[],
): EarlierRun {
  const known = new Map(connections.map((saved) => [`${saved.id.pid}:${saved.id.startNs}`, saved]));
  return { bootId, endedNs, connection: ({ pid, startNs }) => known.get(`${pid}:${startNs}`) };
}

/** What of a connection is to be saved. */
export function factsToSave(connection: ConnectionFacts): SavedFacts {
  const { endpoints, user, userValid, authenticatedNs, key, attempts, failedAttempts, queries } = connection;
  const { sessions, programs, loginUid, auditSession, login, lostEvents, wallOffsetNs } = connection;
  return {
    endpoints,
    user,
    userValid,
    authenticatedNs,
    authMethods: [...connection.authMethods],
    key,
    attempts,
    failedAttempts,
    queries,
    sessions,
    programs,
    loginUid,
    auditSession,
    login,
    incomplete: [...connection.incomplete],
    lostEvents,
    missingPhases: [...connection.missingPhases],
    wallOffsetNs,
  };
}
