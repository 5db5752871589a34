import type { StreamMultiplier } from './stream-multiplier.ts';

/** What is measured: bytes in, a number of results out. A pipeline fits as well as its first stage. */
export interface Stage {
  /** Takes a chunk; returns how many results came out. */
  push(chunk: Uint8Array): number;
  end(): number;
}

/** One run. Times are those spent in the stage, not in making its input. */
export interface Measurement {
  readonly events: number;
  /** Copies of the recording that were fed: a later stage's results are so many times those of one. */
  readonly copies: number;
  readonly results: number;
  readonly bytes: number;
  readonly stageMs: number;
  /** The same by the clock of the thread: on a machine that has other work this is what one core takes. */
  readonly stageCpuMs: number;
  readonly eventsPerSecond: number;
  readonly eventsPerCpuSecond: number;
  /** What the whole process took at most. V8 collects late when nothing presses it, so this grows with the speed. */
  readonly peakRssBytes: number;
  /** What the stage still holds before its end, after a full collection: this must not grow with the stream. */
  readonly heldBytes: number;
}

/** As a pipe gives them. */
const CHUNK_BYTES = 65_536;

/** Bytes of the heap and of array buffers that are in use. Needs `node --expose-gc`. */
function heldBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc, or memory cannot be told from garbage');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Feeds copies of a stream until at least `minEvents` were fed. */
export function measure(stage: Stage, multiplier: StreamMultiplier, minEvents: number): Measurement {
  let results = 0;
  let bytes = 0;
  let stageMs = 0;
  let stageCpuMs = 0;
  const timed = (work: () => void): void => {
    const cpuStart = process.threadCpuUsage();
    const start = performance.now();
    work();
    stageMs += performance.now() - start;
    const { user, system } = process.threadCpuUsage(cpuStart);
    stageCpuMs += (user + system) / 1_000;
  };
  const feed = (input: Uint8Array): void => {
    bytes += input.length;
    timed(() => {
      for (let at = 0; at < input.length; at += CHUNK_BYTES)
        results += stage.push(input.subarray(at, at + CHUNK_BYTES));
    });
  };
  feed(multiplier.opening);
  let events = multiplier.openingEvents;
  let copies = 0;
  for (; events < minEvents; copies++) {
    feed(multiplier.copy(copies));
    events += multiplier.eventsPerCopy;
  }
  const held = heldBytes();
  timed(() => {
    results += stage.end();
  });
  return {
    events,
    copies,
    results,
    bytes,
    stageMs,
    stageCpuMs,
    eventsPerSecond: (events / stageMs) * 1_000,
    eventsPerCpuSecond: (events / stageCpuMs) * 1_000,
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
    heldBytes: held,
  };
}

/** One line for people. */
export function describeMeasurement(name: string, run: Measurement): string {
  const figures = [
    `${run.events.toLocaleString('en')} events`,
    `${(run.bytes / 2 ** 20).toFixed(0)} MiB`,
    `${(run.stageMs / 1_000).toFixed(2)} s`,
    `${Math.round(run.eventsPerSecond).toLocaleString('en')} events/s`,
    `${Math.round(run.eventsPerCpuSecond).toLocaleString('en')} per s of CPU`,
    `${run.results.toLocaleString('en')} results`,
    `held ${(run.heldBytes / 2 ** 20).toFixed(1)} MiB`,
    `peak RSS ${(run.peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
  ];
  return `${name}: ${figures.join(', ')}`;
}
