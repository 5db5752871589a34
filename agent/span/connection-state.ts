/** What the span builder keeps of a connection. */
import type { Activity, ConnectionFacts } from '../sshd/session-event.ts';
import type { ConnectionIds } from './connection-ids.ts';
import type { SavedIds } from './earlier-run.ts';
import type { OpenRef } from './open-markers.ts';

/** A finished activity that waits. */
export interface Held {
  readonly connection: ConnectionFacts;
  readonly state: ConnectionState;
  readonly activity: Activity;
  readonly releaseNs: bigint;
}

/** A connection or session that may deserve a marker. */
export interface Open {
  readonly connection: ConnectionFacts;
  readonly state: ConnectionState;
  readonly ref: OpenRef;
  readonly beganNs: bigint;
}

export interface ConnectionState {
  readonly ids: ConnectionIds;
  /** `new`: nobody is in yet and spans wait for the user. `known`: they wait their 2 s. `closed`: nothing waits. */
  phase: 'new' | 'known' | 'closed';
  /** The connection's end told the roots of all its traces; one that begins later needs its own at once. */
  rootsTold: boolean;
  /** A span of it was told, so it can't be left to a summary. */
  told: boolean;
  /** In the order in which they were told. */
  readonly held: Set<Held>;
  /** Ids of sessions that were opened and have not ended. */
  readonly sessions: Set<string>;
  /** Decided when the first span is due: usually the user is known by then. */
  excluded: boolean | undefined;
}

/** Of a connection that begins; with `saved`, of one that an earlier agent told of. */
export function newState(
  ids: ConnectionIds,
  { authenticated, endNs }: ConnectionFacts,
  saved: SavedIds | undefined,
): ConnectionState {
  const isOver = saved !== undefined && endNs !== undefined;
  return {
    ids,
    phase: isOver ? 'closed' : authenticated ? 'known' : 'new',
    rootsTold: isOver,
    told: saved !== undefined,
    held: new Set(),
    sessions: new Set(),
    excluded: saved?.excluded,
  };
}
