import type { Backoff } from './options.ts';
import type { SendOutcome } from './send-outcome.ts';

type Retry = Extract<SendOutcome, { kind: 'retry' }>;

/**
 * How long to wait before the next try, ms. `failures`: tries in a row that failed, this one included. `random`: 0 to 1.
 * Jitter of a quarter either way, so that a fleet whose collector returned does not return as one. What the
 * collector asked for is never undercut.
 */
export function pauseMs(backoff: Backoff, outcome: Retry, failures: number, random: number): number {
  if (outcome.pace === 'at-once' && failures <= 1) return 0;
  const base =
    outcome.pace === 'slow' ? backoff.slowMs : Math.min(backoff.initialMs * 2 ** (failures - 1), backoff.maxMs);
  const jittered = base * (0.75 + random / 2);
  return Math.max(jittered, outcome.retryAfterMs ?? 0);
}
