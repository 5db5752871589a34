/**
 * Speed and memory of all pure stages, bytes in, spans out, on a recorded stream, multiplied with fresh processes
 * throughout:
 *
 *     node test/bench/spans.ts [EVENTS [STREAM]]
 *
 * Every copy must give as many spans as the first alone.
 */
import { Pipeline } from '../../agent/pipeline.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import type { Stage } from './measure.ts';
import { runBenchmark } from './two-sizes.ts';

function createStage(): Stage {
  const pipeline = new Pipeline({
    hostKey: new Uint8Array(32),
    redactor: createRedactor(),
    agentVersion: '0.0.0',
  });
  return { push: (chunk) => pipeline.push(chunk).length, end: () => pipeline.end().length };
}

runBenchmark(
  {
    name: 'spans',
    script: import.meta.filename,
    createStage,
    expectedResults: ({ copies }, multiplier) => {
      const stage = createStage();
      return copies * (stage.push(multiplier.opening) + stage.push(multiplier.copy(0)) + stage.end());
    },
  },
  process.argv.slice(2),
);
