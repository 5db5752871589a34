/**
 * sshd holds back every answer to an authentication request, so that its time does not tell whether a user exists: auth2.c
 * `ensure_minimum_time_since` (since 7.8) sleeps until the request has taken `base`, or `base` doubled as often as it needs
 * to exceed what it has taken already. The base is 5 to 9.3 ms, fixed by the user's name and a secret of the server
 * (`user_specific_delay`). Seen from outside it would pass for a slow client, and it makes a slow AuthorizedKeysCommand
 * up to twice as slow. A login reveals the base: there the network child speaks next, and no client in between.
 */
import type { SpanRef } from './session-event.ts';

/** MIN_FAIL_DELAY_SECONDS, and that plus 2^32 ps; a little more, for a sleep is never exact. */
const MIN_BASE_NS = 4_950_000n;
const MAX_BASE_NS = 9_450_000n;
/** So short a stretch may as well be no delay at all (up to 7.7). */
const PROMPT_NS = 500_000n;
/** MAX_FAIL_DELAY: requests that took longer are answered at once. */
const MAX_ELAPSED_NS = 5_000_000_000n;

/** A stretch between an answer of the monitor and the client's next move. */
export interface AnswerGap {
  readonly parent: SpanRef;
  /** When the network child sent its request to the monitor. */
  readonly requestNs: bigint;
  readonly answerNs: bigint;
  readonly nextNs: bigint;
}

/**
 * The base that explains this time from a request to the network child's next message; undefined if none does: then this
 * sshd does not hold answers back, or something else took the time.
 */
export function baseDelayNs(requestNs: bigint, answerNs: bigint, nextNs: bigint): bigint | undefined {
  const wholeNs = nextNs - requestNs;
  if (answerNs - requestNs > MAX_ELAPSED_NS || nextNs - answerNs < PROMPT_NS) return undefined;
  let baseNs = wholeNs;
  while (baseNs > MAX_BASE_NS) baseNs /= 2n;
  if (baseNs < MIN_BASE_NS) return undefined;
  // The last doubling must have been necessary.
  return wholeNs / 2n < answerNs - requestNs || wholeNs === baseNs ? baseNs : undefined;
}

/**
 * The base, made exact. A sleep ends late by what the host is busy with, and doubling multiplies that. But no client goes on
 * before its answer, so each stretch bounds the base from above, the long ones closely.
 */
export function tightenedBaseNs(baseNs: bigint, gaps: readonly AnswerGap[]): bigint {
  let least = baseNs;
  for (const gap of gaps) {
    const times = doublings(gap, baseNs);
    if (times === undefined) continue;
    const bound = (gap.nextNs - gap.requestNs) / times;
    if (bound < least && bound * 10n > baseNs * 9n) least = bound;
  }
  return least;
}

/** Power of two by which the base was multiplied; undefined: the answer was not held back. */
function doublings(gap: AnswerGap, baseNs: bigint): bigint | undefined {
  const elapsedNs = gap.answerNs - gap.requestNs;
  if (elapsedNs > MAX_ELAPSED_NS) return undefined;
  let times = 1n;
  while (baseNs * times < elapsedNs) times *= 2n;
  return times;
}

/** When the answer left the server. */
export function heldUntilNs(gap: AnswerGap, baseNs: bigint): bigint {
  const times = doublings(gap, baseNs);
  if (times === undefined) return gap.answerNs;
  const untilNs = gap.requestNs + baseNs * times;
  return untilNs < gap.nextNs ? untilNs : gap.nextNs;
}
