/**
 * What an operator does not want to be told of, and how much of it there was. Rules may change while connections are open:
 * what was decided stays so.
 */
import type { ConnectionFacts } from '../sshd/session-event.ts';
import { type NetworkTest, networkTest } from './address.ts';
import { decodeUtf8 } from './text.ts';

export interface ExclusionRules {
  /** Login users, who must have got in: who fails under such a name may be somebody else. */
  readonly users: readonly string[];
  /** Addresses and networks. */
  readonly sources: readonly string[];
  /** Base names. */
  readonly programs: readonly string[];
}

export interface ExclusionCounters {
  /** Connections without spans because of who logged in, and because of where they came from. */
  readonly byUser: number;
  readonly bySource: number;
  /** Execs without a span because of the program's name. */
  readonly programs: number;
}

/** All that a comm holds of a name (TASK_COMM_LEN, less the NUL). */
const COMM_LENGTH = 15;

export class Exclusion {
  readonly #count = { byUser: 0, bySource: 0, programs: 0 };
  #users: ReadonlySet<string> = new Set();
  #programs: ReadonlySet<string> = new Set();
  #comms: ReadonlySet<string> = new Set();
  #isSource: NetworkTest = () => false;

  constructor(rules?: ExclusionRules) {
    if (rules !== undefined) this.set(rules);
  }

  get counters(): ExclusionCounters {
    return { ...this.#count };
  }

  set(rules: ExclusionRules): void {
    this.#users = new Set(rules.users);
    this.#programs = new Set(rules.programs);
    this.#comms = new Set(rules.programs.map((name) => name.slice(0, COMM_LENGTH)));
    this.#isSource = networkTest(rules.sources);
  }

  /** Decides on a connection, and counts it. Ask once for each. */
  connection(facts: ConnectionFacts): boolean {
    if (facts.endpoints !== undefined && this.#isSource(facts.endpoints.peer)) {
      this.#count.bySource++;
      return true;
    }
    if (!facts.authenticated || facts.user === undefined || !this.#users.has(decodeUtf8(facts.user.name))) return false;
    this.#count.byUser++;
    return true;
  }

  /**
   * Decides on an exec, and counts it. Ask once for each.
   * @param name base name of the file; where `isComm`, at most the first 15 bytes of it are known
   */
  program(name: string, isComm: boolean): boolean {
    if (!(isComm ? this.#comms : this.#programs).has(name)) return false;
    this.#count.programs++;
    return true;
  }
}
