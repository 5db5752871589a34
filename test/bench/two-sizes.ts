import { execFileSync } from 'node:child_process';
import { NODE_FLAGS } from '../../agent/supervise/agent-command.ts';
import { loadStream } from '../helpers/streams.ts';
import { describeMeasurement, type Measurement, measure, type Stage } from './measure.ts';
import { StreamMultiplier } from './stream-multiplier.ts';

const DEFAULT_EVENTS = 1_000_000;
const DEFAULT_STREAM = '9.2-debian-story';
/** What a longer run may hold more by chance: compiled code, tables that reach their size late. */
const MEMORY_SLACK_BYTES = 8 * 2 ** 20;

/** A benchmark: its own file, so that each run can have a process of its own. */
export interface Benchmark {
  readonly name: string;
  /** `import.meta.filename` of the file that calls. */
  readonly script: string;
  readonly createStage: () => Stage;
  /** How many results a run must give. */
  readonly expectedResults: (run: Measurement, multiplier: StreamMultiplier) => number;
}

function runHere(benchmark: Benchmark, events: number, stream: string): void {
  const multiplier = new StreamMultiplier(loadStream(stream));
  const run = measure(benchmark.createStage(), multiplier, events);
  const expected = benchmark.expectedResults(run, multiplier);
  if (run.results !== expected) throw new Error(`${run.events} events gave ${run.results} results, not ${expected}`);
  process.stdout.write(JSON.stringify(run));
}

function runAlone(benchmark: Benchmark, events: number, stream: string): Measurement {
  const output = execFileSync(process.execPath, [
    '--expose-gc',
    ...NODE_FLAGS,
    benchmark.script,
    '--alone',
    String(events),
    stream,
  ]);
  const run: Measurement = JSON.parse(output.toString());
  process.stdout.write(`${describeMeasurement(benchmark.name, run)}\n`);
  return run;
}

/**
 * Runs `[EVENTS [STREAM]]`: a quarter of EVENTS (default 1,000,000) and then all of them, each in a process of its own.
 * @throws Error if a run doesn't yield all that it must, or if what is held grows with the length of the stream
 */
export function runBenchmark(benchmark: Benchmark, args: readonly string[]): void {
  const alone = args[0] === '--alone';
  const [events = DEFAULT_EVENTS, stream = DEFAULT_STREAM] = alone ? args.slice(1) : args;
  const total = Number(events);
  if (!Number.isSafeInteger(total) || total < 1) throw new RangeError('EVENTS must be a positive number');
  if (alone) {
    runHere(benchmark, total, stream);
    return;
  }
  const short = runAlone(benchmark, Math.ceil(total / 4), stream);
  const long = runAlone(benchmark, total, stream);
  if (long.heldBytes > short.heldBytes + MEMORY_SLACK_BYTES) {
    throw new Error('memory grows with the length of the stream');
  }
}
