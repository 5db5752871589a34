import assert from 'node:assert/strict';
import { DEFAULT_EXPORT_OPTIONS, type ExportOptions, type Log } from '../../agent/export/options.ts';
import { type ExportCounters, SpanExport } from '../../agent/export/span-export.ts';
import type { ResourceRecord, SpanRecord } from '../../agent/span/span-record.ts';
import { OtlpSink } from './otlp-sink.ts';

export const RESOURCE: ResourceRecord = {
  attributes: { 'service.name': 'sshd', 'host.name': 'target', 'host.id': 'c0ffee' },
};
/** 2026-11-24T10:00:00.123456789Z: the last digits are beyond a double. */
const BASE_NS = 1_795_514_400_123_456_789n;

/** A trace id that is different for each number and evenly spread, as real ones are. */
export function traceIdOf(number: number): string {
  const mixed = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  return mixed.toString(16).padStart(16, '0') + (number + 1).toString(16).padStart(16, '0');
}

export function spanIdOf(number: number): string {
  return (number + 1).toString(16).padStart(16, '0');
}

export function spanRecord(overrides: Partial<SpanRecord> = {}): SpanRecord {
  return {
    traceId: traceIdOf(0),
    spanId: spanIdOf(0),
    name: 'bash',
    kind: 'internal',
    startNs: BASE_NS,
    endNs: BASE_NS + 1_000_001n,
    attributes: { 'process.pid': 4711 },
    links: [],
    status: 'unset',
    priority: 1,
    root: false,
    ...overrides,
  };
}

/** One trace: a root and `size - 1` children, of the given priority. */
export function traceOf(number: number, size: number, priority: SpanRecord['priority'] = 1): SpanRecord[] {
  const traceId = traceIdOf(number);
  return Array.from({ length: size }, (_unused, index) => {
    const isRoot = index === 0;
    return spanRecord({
      traceId,
      spanId: spanIdOf(index),
      ...(!isRoot && { parentSpanId: spanIdOf(0) }),
      name: isRoot ? 'ssh.connection' : `command-${index}`,
      kind: isRoot ? 'server' : 'internal',
      startNs: BASE_NS + BigInt(index),
      endNs: BASE_NS + BigInt(index) + 1_000n,
      root: isRoot,
      priority,
    });
  });
}

/** Many spans, each a trace of its own. */
export function singleSpans(count: number, priority: SpanRecord['priority'] = 1, first = 0): SpanRecord[] {
  return Array.from({ length: count }, (_unused, index) => traceOf(first + index, 1, priority)).flat();
}

/** Pauses short enough for a test; everything else as in production. */
export function testOptions(url: string, overrides: Partial<ExportOptions> = {}): ExportOptions {
  return {
    ...DEFAULT_EXPORT_OPTIONS,
    url,
    batch: { ...DEFAULT_EXPORT_OPTIONS.batch, delayMs: 5 },
    backoff: { initialMs: 10, maxMs: 40, slowMs: 40 },
    ...overrides,
  };
}

/** Keeps the lines, and lets a test wait for one. */
export class LogLines {
  readonly lines: string[] = [];
  #waits: { pattern: RegExp; resolve: (line: string) => void }[] = [];

  readonly log: Log = (level, text) => {
    const line = `${level}: ${text}`;
    this.lines.push(line);
    for (const { pattern, resolve } of this.#waits) if (pattern.test(line)) resolve(line);
    this.#waits = this.#waits.filter(({ pattern }) => !pattern.test(line));
  };

  /** The first line that matches, said already or still to come. */
  async line(pattern: RegExp): Promise<string> {
    const said = this.lines.find((line) => pattern.test(line));
    if (said !== undefined) return said;
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line ${pattern} among:\n${this.lines.join('\n')}`)), 20_000);
      const done = (line: string) => {
        clearTimeout(timer);
        resolve(line);
      };
      this.#waits.push({ pattern, resolve: done });
    });
  }
}

/** Every span is somewhere, once. */
export function assertBalanced(counters: ExportCounters): void {
  const { unsampled, invalid, exported, refused, dropped, late, kept, queued, inFlight } = counters;
  const parts = [unsampled, invalid, exported, refused, ...dropped, late, kept, queued, inFlight];
  for (const part of parts) assert.ok(part >= 0, JSON.stringify(counters));
  assert.equal(
    parts.reduce((total, part) => total + part, 0),
    counters.received + counters.recovered,
    JSON.stringify(counters),
  );
}

export interface Rig {
  readonly sink: OtlpSink;
  readonly exporter: SpanExport;
  readonly logs: LogLines;
}

/**
 * Runs `story` with a sink and an export to it, then shuts both down; the counters are found to balance at each line
 * of the log and at the end.
 */
export async function withRig(
  overrides: Partial<ExportOptions>,
  story: (rig: Rig) => Promise<void>,
): Promise<ExportCounters> {
  const sink = await OtlpSink.start();
  const logs = new LogLines();
  const exporter: SpanExport = new SpanExport(testOptions(sink.url, overrides), (level, text) => {
    assertBalanced(exporter.counters);
    logs.log(level, text);
  });
  try {
    await story({ sink, exporter, logs });
    assertBalanced(exporter.counters);
    const { counters } = await exporter.shutdown(5_000);
    assertBalanced(counters);
    return counters;
  } finally {
    await sink.close();
    await exporter.shutdown(0);
  }
}
