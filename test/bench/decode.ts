/**
 * Speed and memory of the decode stage on a recorded stream, multiplied with fresh processes throughout:
 *
 *     node test/bench/decode.ts [EVENTS [STREAM]]
 *
 * Runs a quarter of EVENTS (default 1,000,000) and then all of them, each in a process of its own. Fails if a run
 * doesn't yield every event, or if memory grows with the length of the stream.
 */
import { execFileSync } from 'node:child_process';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { loadStream } from '../helpers/streams.ts';
import { describeMeasurement, type Measurement, measure, type Stage } from './measure.ts';
import { StreamMultiplier } from './stream-multiplier.ts';

const DEFAULT_EVENTS = 1_000_000;
const DEFAULT_STREAM = '9.2-debian-story';
/** What a longer run may hold more by chance: compiled code, tables that reach their size late. */
const MEMORY_SLACK_BYTES = 8 * 2 ** 20;

function decodeStage(): Stage {
  const decoder = new StreamDecoder();
  return { push: (chunk) => decoder.push(chunk).length, end: () => decoder.end().length };
}

function runAlone(events: number, stream: string): Measurement {
  const output = execFileSync(process.execPath, [
    '--expose-gc',
    import.meta.filename,
    '--alone',
    String(events),
    stream,
  ]);
  return JSON.parse(output.toString());
}

function main(args: readonly string[]): void {
  const alone = args[0] === '--alone';
  const [events = DEFAULT_EVENTS, stream = DEFAULT_STREAM] = alone ? args.slice(1) : args;
  const total = Number(events);
  if (!Number.isSafeInteger(total) || total < 1) throw new RangeError('EVENTS must be a positive number');
  if (alone) {
    const run = measure(decodeStage(), new StreamMultiplier(loadStream(stream)), total);
    if (run.results !== run.events) throw new Error(`${run.events} records gave ${run.results} events`);
    process.stdout.write(JSON.stringify(run));
    return;
  }
  const short = runAlone(Math.ceil(total / 4), stream);
  process.stdout.write(`${describeMeasurement('decode', short)}\n`);
  const long = runAlone(total, stream);
  process.stdout.write(`${describeMeasurement('decode', long)}\n`);
  if (long.heldBytes > short.heldBytes + MEMORY_SLACK_BYTES) {
    throw new Error('memory grows with the length of the stream');
  }
}

main(process.argv.slice(2));
