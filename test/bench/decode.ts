/**
 * Speed and memory of the decode stage on a recorded stream, multiplied with fresh processes throughout:
 *
 *     node test/bench/decode.ts [EVENTS [STREAM]]
 */
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import type { Stage } from './measure.ts';
import { runBenchmark } from './two-sizes.ts';

function createStage(): Stage {
  const decoder = new StreamDecoder();
  return { push: (chunk) => decoder.push(chunk).length, end: () => decoder.end().length };
}

runBenchmark(
  { name: 'decode', script: import.meta.filename, createStage, expectedResults: ({ events }) => events },
  process.argv.slice(2),
);
