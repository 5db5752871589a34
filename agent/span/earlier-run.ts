/**
 * What an agent leaves to the next one, so that connections that are open go on in the same traces. Spans that are open at a
 * planned end are not told; they are told by the next agent, under the same ids, if a seed confirms pid and start and the
 * host has not booted since.
 *
 * After a crash nothing is left: what the dead agent told cannot be known, so what is seen of those connections later goes
 * into a trace of its own each, linked to the first.
 */
import type { ProcessId } from '../decode/kernel-event.ts';
import type { Process } from '../process/process-change.ts';
import type { SavedRun } from '../sshd/saved-run.ts';
import type { AuthActivity, ConnectionFacts } from '../sshd/session-event.ts';

/** When an agent began after one that had been killed, and how the segments that it told are numbered. */
export interface Resumed {
  /** Boot ns. */
  readonly atNs: bigint;
  /** Number of the first segment that is its own. */
  readonly number: number;
}

/** Where the ids of a connection's spans stand. */
export interface SavedIds {
  readonly connection: ProcessId;
  /** Where segments 1, 2, … begin, boot ns. */
  readonly segmentStarts: readonly bigint[];
  /** Encoded bytes of the last segment. */
  readonly segmentBytes: number;
  /** Starts of spans that were told, by name. */
  readonly starts: ReadonlyMap<string, bigint>;
  readonly lastAttempt: number;
  readonly authResult: AuthActivity['result'];
  readonly resumed: Resumed | undefined;
  readonly excluded: boolean | undefined;
}

/** All that an agent leaves at a planned end. Plain values that may share and point to each other. */
export interface SavedState {
  readonly bootId: string;
  /** Boot time at which it ended. */
  readonly endedNs: bigint;
  readonly processes: readonly Process[];
  readonly runs: readonly SavedRun[];
  readonly ids: readonly SavedIds[];
}

/** The agent before this one; `saved` absent: it was killed. */
export class EarlierRun {
  readonly bootId: string;
  readonly saved: SavedState | undefined;
  readonly #ids: ReadonlyMap<string, SavedIds>;

  constructor(bootId: string, saved?: SavedState) {
    this.bootId = bootId;
    this.saved = saved;
    this.#ids = new Map(saved?.ids.map((ids) => [nameOf(ids.connection), ids]));
  }

  /** What it left of a connection. */
  ids(bootId: string, connection: ProcessId): SavedIds | undefined {
    return bootId === this.bootId ? this.#ids.get(nameOf(connection)) : undefined;
  }

  /** What it may have told of a connection cannot be known: where to go on. @param beganNs when the next agent began */
  resumed(bootId: string, { id, startNs }: ConnectionFacts, beganNs: bigint | undefined): Resumed | undefined {
    if (bootId !== this.bootId || beganNs === undefined || startNs >= beganNs) return undefined;
    // It ended in good order, and told of nothing that began later.
    if (this.saved !== undefined && (startNs > this.saved.endedNs || this.#ids.has(nameOf(id)))) return undefined;
    // No two agents begin in the same millisecond.
    return { atNs: beganNs, number: Math.max(1, Number(beganNs / 1_000_000n)) };
  }
}

function nameOf({ pid, startNs }: ProcessId): string {
  return `${pid}:${startNs}`;
}
