/** What the span builder keeps of a connection. */
import type { Activity, ConnectionFacts } from '../sshd/session-event.ts';
import type { ConnectionIds } from './connection-ids.ts';
import type { SavedIds } from './earlier-run.ts';
import type { OpenRef } from './open-markers.ts';

/** Of a finished activity that waits. */
export interface Held {
  readonly connection: ConnectionFacts;
  readonly state: ConnectionState;
  readonly releaseNs: bigint;
  /** The most that its span may have, encoded. */
  readonly bytes: number;
  /** What it costs to hold it, bytes. */
  readonly memory: number;
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
  readonly held: Map<Held, Activity>;
  /** What that costs. */
  heldBytes: number;
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
    held: new Map(),
    heldBytes: 0,
    sessions: new Set(),
    excluded: saved?.excluded,
  };
}

/** It has not ended, nor has its connection. */
export function isStillOpen({ state, ref }: Open): boolean {
  return state.phase !== 'closed' && (ref.kind === 'connection' || state.sessions.has(state.ids.sessionId(ref)));
}
