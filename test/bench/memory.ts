/**
 * Memory of all pure stages in four situations, each in a process of its own:
 *
 *     node test/bench/memory.ts [SITUATION …]
 *
 * What is held is told after a full collection; RSS is that of the whole process, with what the benchmark itself needs.
 */
import { execFileSync } from 'node:child_process';
import { Pipeline } from '../../agent/pipeline.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { loadStream } from '../helpers/streams.ts';
import { peakOf, programs } from './busy-streams.ts';
import { StreamMultiplier } from './stream-multiplier.ts';

const STREAM = '9.2-debian-story';

/** Feeds a pipeline; returns how much there is of what the situation is about. */
type Situation = (pipeline: Pipeline) => number;

function feedCopies(pipeline: Pipeline, multiplier: StreamMultiplier, copies: number): void {
  pipeline.push(multiplier.opening);
  for (let copy = 0; copy < copies; copy++) pipeline.push(multiplier.copy(copy));
}

const SITUATIONS: Readonly<Record<string, Situation>> = {
  /** 10,000 logins at the moment when most of their processes live. */
  'open-connections': (pipeline) => {
    feedCopies(pipeline, new StreamMultiplier(peakOf(loadStream(STREAM))), 10_000);
    return pipeline.counters.openConnections;
  },
  /** One session in which 100,000 programs run at once. */
  'living-processes': (pipeline) => {
    pipeline.push(peakOf(loadStream(STREAM)));
    for (const chunk of programs(loadStream(STREAM), 100_000, 'together')) pipeline.push(chunk);
    return pipeline.counters.followedProcesses;
  },
  /** One session in which a million programs run, one after the other. */
  'programs-in-turn': (pipeline) => {
    pipeline.push(peakOf(loadStream(STREAM)));
    let spans = 0;
    for (const chunk of programs(loadStream(STREAM), 1_000_000, 'in turn')) spans += pipeline.push(chunk).length;
    return spans;
  },
  /** 50,000 logins of which no end is ever seen: what is held must reach its bound and stay there. */
  'lost-exits': (pipeline) => {
    feedCopies(pipeline, new StreamMultiplier(peakOf(loadStream(STREAM))), 50_000);
    return pipeline.counters.openConnections;
  },
};

function runHere(situation: Situation): void {
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: createRedactor(), agentVersion: '0.0.0' });
  globalThis.gc?.();
  const before = heldBytes();
  const count = situation(pipeline);
  const atWork = process.memoryUsage.rss();
  const held = heldBytes() - before;
  const afterwards = process.memoryUsage.rss();
  const { openConnections, followedProcesses, spans } = pipeline.counters;
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const figures = [
    `${count.toLocaleString('en')}`,
    `connections ${openConnections}, processes ${followedProcesses}, spans ${spans}`,
    `held ${megabytes(held)}`,
    `RSS ${megabytes(atWork)}, after a collection ${megabytes(afterwards)}`,
    `peak ${megabytes(process.resourceUsage().maxRSS * 1_024)}`,
  ];
  process.stdout.write(`${figures.join('; ')}\n`);
}

function heldBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc, or memory cannot be told from garbage');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const [first, name = ''] = process.argv.slice(2);
if (first === '--alone') {
  const situation = SITUATIONS[name];
  if (situation === undefined) throw new RangeError(`no situation is called ${name}`);
  runHere(situation);
} else {
  const names = first === undefined ? Object.keys(SITUATIONS) : process.argv.slice(2);
  for (const situation of names) {
    const args = ['--expose-gc', import.meta.filename, '--alone', situation];
    process.stdout.write(`${situation}: ${execFileSync(process.execPath, args)}`);
  }
}
