import type { Log } from './options.ts';
import type { DroppedByPriority } from './span-queue.ts';

export interface OutageCounts {
  readonly exported: number;
  readonly queued: number;
  readonly dropped: Readonly<DroppedByPriority>;
}

interface Outage {
  readonly sinceMs: number;
  readonly exportedBefore: number;
  readonly droppedBefore: DroppedByPriority;
  reason: string;
  tries: number;
  saidFull: boolean;
}

/**
 * Says when the export begins to fail, when the reason changes, when the queue overflows, and when it works again: one line
 * each, however long it lasts.
 */
export class OutageLog {
  readonly #log: Log;
  /** Where spans are sent to, for people. */
  target: string;
  readonly #nowMs: () => number;
  #outage: Outage | undefined;
  /** A queue that overflows although the collector answers. */
  #saidSlow = false;

  constructor(log: Log, target: string, nowMs: () => number) {
    this.#log = log;
    this.target = target;
    this.#nowMs = nowMs;
  }

  failed(reason: string, counts: OutageCounts): void {
    const outage = this.#outage;
    if (!outage) {
      const { exported, dropped } = counts;
      const begun = { sinceMs: this.#nowMs(), exportedBefore: exported, droppedBefore: copy(dropped) };
      this.#outage = { ...begun, reason, tries: 1, saidFull: false };
      this.#log('warn', `cannot export to ${this.target}: ${reason}; ${waiting(counts)}, trying again`);
      return;
    }
    outage.tries += 1;
    if (outage.reason === reason) return;
    outage.reason = reason;
    this.#log('warn', `still cannot export to ${this.target}, now: ${reason}; ${waiting(counts)}`);
  }

  accepted(counts: OutageCounts): void {
    const outage = this.#outage;
    if (!outage) return;
    this.#outage = undefined;
    const seconds = ((this.#nowMs() - outage.sinceMs) / 1000).toFixed(1);
    const tries = outage.tries === 1 ? '1 failed try' : `${outage.tries} failed tries`;
    const sent = counts.exported - outage.exportedBefore;
    const lost = describeDropped(counts.dropped, outage.droppedBefore);
    this.#log('info', `export works again after ${tries} in ${seconds} s: ${sent} sent, ${waiting(counts)}, ${lost}`);
  }

  /** The queue has just dropped something. */
  overflowed(counts: OutageCounts): void {
    if (this.#outage ? this.#outage.saidFull : this.#saidSlow) return;
    if (this.#outage) this.#outage.saidFull = true;
    else this.#saidSlow = true;
    const cause = this.#outage ? 'while the collector is away' : 'because the collector is slower than the host';
    this.#log(
      'warn',
      `the export queue is full (${counts.queued} spans) ${cause}: the oldest that matter least are dropped`,
    );
  }

  /** The queue is empty again: the next overflow is news. */
  drained(counts: OutageCounts): void {
    if (!this.#saidSlow || counts.queued > 0) return;
    this.#saidSlow = false;
    this.#log('info', `the export queue is empty again; in all ${describeDropped(counts.dropped, [0, 0, 0])}`);
  }
}

function waiting(counts: OutageCounts): string {
  return counts.queued === 1 ? '1 span waits' : `${counts.queued} spans wait`;
}

/** `none dropped`, or the number dropped since `before`, by what they were. */
export function describeDropped(now: Readonly<DroppedByPriority>, before: Readonly<DroppedByPriority>): string {
  const [important, other, scans] = [now[0] - before[0], now[1] - before[1], now[2] - before[2]];
  const total = important + other + scans;
  if (total === 0) return 'none dropped';
  return `${total} dropped (${scans} of connections that never authenticated, ${other} ordinary, ${important} important)`;
}

function copy(dropped: Readonly<DroppedByPriority>): DroppedByPriority {
  return [dropped[0], dropped[1], dropped[2]];
}
