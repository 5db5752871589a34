/** What an agent answers when it is asked how it does. Numbers and fixed words only: nothing of a stranger's is in it. */
import type { ExportCounters } from '../export/span-export.ts';
import type { Pipeline } from '../pipeline.ts';
import type { ProducerState } from './stream-watch.ts';

export interface HealthReport {
  readonly version: 1;
  /** `waiting`: for the producer; `stalled`: the producer lives and is silent; `ready`: what happens is seen. */
  readonly state: 'waiting' | 'stalled' | 'ready';
  readonly openConnections: number;
  readonly spans: number;
  /** An upper bound: a gap that is announced later counts twice. */
  readonly eventsLost: number;
  /** Absent: nothing is exported. */
  readonly exported?: number | undefined;
  readonly queued?: number | undefined;
  readonly dropped?: number | undefined;
}

const STATES: readonly unknown[] = ['waiting', 'stalled', 'ready'];

/** How an agent does now. A collector that is away makes it no less ready: that is what the queue is for. */
export function healthOf(
  { tracing, counters }: Pick<Pipeline, 'tracing' | 'counters'>,
  producer: ProducerState,
  exported: ExportCounters | undefined,
): HealthReport {
  const state = producer === 'stalled' ? 'stalled' : tracing ? 'ready' : 'waiting';
  const { openConnections, spans, decode, announcedLost } = counters;
  const report: HealthReport = {
    version: 1,
    state,
    openConnections,
    spans,
    eventsLost: decode.missing + announcedLost,
  };
  if (exported === undefined) return report;
  const [important, other, scans] = exported.dropped;
  return {
    ...report,
    exported: exported.exported,
    queued: exported.queued + exported.inFlight,
    dropped: important + other + scans + exported.refused + exported.invalid + exported.late,
  };
}

const FIGURES = ['openConnections', 'spans', 'eventsLost'] as const;
/** Absent where nothing is exported. */
const EXPORT_FIGURES = ['exported', 'queued', 'dropped'] as const;

/** An answer as it came; undefined if it is none. Root may ask, and the agent that answers reads what strangers write. */
export function parseHealth(text: string): HealthReport | undefined {
  try {
    const report = JSON.parse(text);
    const known =
      report.version === 1 &&
      STATES.includes(report.state) &&
      FIGURES.every((name) => typeof report[name] === 'number') &&
      EXPORT_FIGURES.every((name) => report[name] === undefined || typeof report[name] === 'number');
    return known ? report : undefined;
  } catch {
    return undefined;
  }
}

/** For people, in one line. */
export function healthLine(report: HealthReport): string {
  const { state, openConnections, spans, eventsLost, exported, queued, dropped } = report;
  const words = { waiting: 'waits for the producer', stalled: 'the producer is silent', ready: 'traces' }[state];
  const sent = exported === undefined ? '' : `; ${exported} exported, ${queued} wait, ${dropped} dropped`;
  return `${state}: ${words}; ${openConnections} connections open, ${spans} spans made, ${eventsLost} events lost${sent}`;
}
