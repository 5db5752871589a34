/**
 * Authentication where there is no monitor protocol (no privilege separation): from log lines, each attempt marked with
 * that weaker source. At INFO sshd logs few failures; what it does not log is not known.
 */
import { AUTH, openAttempt, settleAttempt, type Verdict } from './attempt.ts';
import type { AuthDialogue } from './auth-dialogue.ts';
import type { Connection } from './connection.ts';
import { type KeyFacts, keyFromLog } from './key-facts.ts';
import type { LogFact } from './log-lines.ts';
import { PHASES } from './phases.ts';
import type { HelperActivity } from './session-event.ts';

type AuthLine = Extract<LogFact, { kind: 'auth' }>;

export class LogAuth {
  /** Helper runs since the last line; the line tells which attempt they served. */
  #runs: HelperActivity[] = [];
  /** Since when nothing is known to happen but the client's thinking. */
  #idleNs: bigint | undefined;
  #found: KeyFacts | undefined;
  readonly #connection: Connection;
  readonly #dialogue: AuthDialogue;

  constructor(connection: Connection, dialogue: AuthDialogue) {
    this.#connection = connection;
    this.#dialogue = dialogue;
  }

  /** A helper was forked before authentication: authentication has begun. */
  helperForked(tsNs: bigint): void {
    this.#dialogue.begin(tsNs, true);
    this.#connection.phase(PHASES.authWait, AUTH, this.#idleNs, tsNs);
    this.#idleNs = undefined;
  }

  /** A helper has ended. */
  helperEnded(run: HelperActivity): void {
    this.#runs.push(run);
  }

  keyFound(fact: Extract<LogFact, { kind: 'key-found' }>): void {
    this.#found = keyFromLog(fact);
  }

  line(fact: AuthLine, tsNs: bigint): void {
    const connection = this.#connection;
    connection.evidence.authWithoutNetworkChild = true;
    this.#dialogue.begin(tsNs, true);
    connection.user = { name: fact.user, source: 'log' };
    connection.userValid = fact.validUser;
    // A round of keyboard-interactive, not a result.
    if (fact.verdict === 'postponed' && fact.method !== 'publickey') return;
    if (fact.method !== 'none') this.#attempt(fact, tsNs);
    this.#idleNs = tsNs;
    if (fact.verdict === 'accepted') {
      this.flush();
      this.#dialogue.finish(tsNs, true, true);
    }
  }

  #attempt(fact: AuthLine, tsNs: bigint): void {
    const runs = this.#runs;
    const [only] = runs;
    const startNs = only?.startNs ?? this.#idleNs ?? tsNs;
    const attempt = openAttempt(this.#dialogue.nextOrdinal(), fact.method, startNs, 'log', only === undefined);
    attempt.query = fact.verdict === 'postponed';
    attempt.key = fact.key === undefined ? (fact.verdict === 'failed' ? undefined : this.#found) : keyFromLog(fact.key);
    this.#found = undefined;
    const verdicts: Record<AuthLine['verdict'], Verdict> = {
      accepted: 'yes',
      partial: 'yes',
      failed: 'no',
      postponed: 'acceptable',
    };
    attempt.verdict = verdicts[fact.verdict];
    attempt.endNs = tsNs;
    // One run since the last line is this attempt's; of several it cannot be told which attempts the log left out.
    if (runs.length === 1 && only !== undefined && fact.method === 'publickey') {
      this.#connection.tell({ ...only, parent: attempt.ref }, tsNs);
      this.#runs = [];
    } else {
      this.flush();
    }
    settleAttempt(attempt, fact.verdict === 'accepted' ? 'authenticated' : 'another', tsNs, this.#connection);
  }

  /** Events were lost: a line may have been among them, so runs and lines no longer match. */
  gap(): void {
    this.flush();
    this.#idleNs = undefined;
    this.#found = undefined;
  }

  /** Runs whose attempt is not known hang on `ssh.auth`. */
  flush(): void {
    for (const run of this.#runs.splice(0)) this.#connection.tell({ ...run, parent: AUTH }, run.endNs);
  }
}
