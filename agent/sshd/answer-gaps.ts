/** The stretches from an answer of the monitor to what comes next: told at the end, when it is known who they belong to. */
import { AUTH } from './attempt.ts';
import type { Connection } from './connection.ts';
import { PHASES } from './phases.ts';
import { type AnswerGap, baseDelayNs, heldUntilNs, tightenedBaseNs } from './reply-delay.ts';

export class AnswerGaps {
  readonly #gaps: AnswerGap[] = [];
  /** The last answer, and the request that it answered if that was seen. */
  #last: { readonly requestNs: bigint | undefined; readonly answerNs: bigint } | undefined;
  /** How long this sshd holds answers to this user back, before doubling; undefined: not known. */
  #baseNs: bigint | undefined;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Events were lost: what comes next may not be what came next. */
  gap(): void {
    this.#last = undefined;
  }

  answered(requestNs: bigint | undefined, answerNs: bigint): void {
    this.#last = { requestNs, answerNs };
  }

  add(gap: AnswerGap): void {
    this.#gaps.push(gap);
  }

  /** The client's next request, or its end. */
  next(tsNs: bigint): void {
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined) return;
    if (last.requestNs === undefined) this.#connection.phase(PHASES.answerGap, AUTH, last.answerNs, tsNs);
    else this.add({ parent: AUTH, requestNs: last.requestNs, answerNs: last.answerNs, nextNs: tsNs });
  }

  /** The network child goes on after a success: without a word from the client, so the time is all sshd's own. */
  success(tsNs: bigint): void {
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined) return;
    const { requestNs, answerNs } = last;
    const baseNs = requestNs === undefined ? undefined : baseDelayNs(requestNs, answerNs, tsNs);
    this.#baseNs ??= baseNs;
    this.#connection.phase(baseNs === undefined ? PHASES.conclude : PHASES.replyDelay, AUTH, answerNs, tsNs);
  }

  tell(): void {
    const gaps = this.#gaps.splice(0);
    const baseNs = this.#baseNs === undefined ? undefined : tightenedBaseNs(this.#baseNs, gaps);
    for (const gap of gaps) {
      if (baseNs === undefined) {
        this.#connection.phase(PHASES.answerGap, gap.parent, gap.answerNs, gap.nextNs);
        continue;
      }
      const heldNs = heldUntilNs(gap, baseNs);
      this.#connection.phase(PHASES.replyDelay, gap.parent, gap.answerNs, heldNs);
      this.#connection.phase(PHASES.authWait, gap.parent, heldNs, gap.nextNs);
    }
  }
}
