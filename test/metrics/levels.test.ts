/** What is open, as an agent says that began while it was open already. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { SessionMetrics } from '../../agent/metrics/session-metrics.ts';
import { Pipeline } from '../../agent/pipeline.ts';
import { EarlierRun, type SavedState } from '../../agent/span/earlier-run.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import { BOOT, bytesOf, type Line, opening, openingAt, records } from '../helpers/restart-story.ts';

const WALL_NS = 1_790_000_000_000_000_000n;

interface Agent {
  readonly pipeline: Pipeline;
  /** Open connections and sessions. */
  readonly levels: () => string;
}

function agent(earlier?: EarlierRun): Agent {
  const metrics = new SessionMetrics();
  const onTold = (event: Parameters<SessionMetrics['apply']>[0]): void => void metrics.apply(event);
  const options = { hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0', earlier, onTold };
  const levels = () =>
    metrics
      .levels()
      .map(({ value }) => value)
      .join('/');
  return { pipeline: new Pipeline(options), levels };
}

/** Ten quiet seconds, so that nothing waits to be put in order. */
function later(from: Line | undefined): object {
  const ns = BigInt(from?.ts ?? '0') + 10_000_000_000n;
  return { k: 'clock', ts: String(ns), wall: String(ns + WALL_NS) };
}

interface Levels {
  readonly truth: string;
  readonly planned: string;
  readonly adopted: string;
  /** Programs of a connection that is over live on. */
  readonly survivors: boolean;
}

function levelsAt(cut: number): Levels {
  const first = agent();
  first.pipeline.push(bytesOf([...opening, ...records.slice(0, cut)]));
  const { state } = first.pipeline.suspend();
  const saved = deserialize(serialize(state)) as SavedState;
  const begun = [new EarlierRun(BOOT, saved), undefined].map((earlier) => {
    const next = agent(earlier);
    next.pipeline.push(bytesOf([...openingAt(cut), later(records[Math.max(0, cut - 1)])]));
    return next.levels();
  });
  const survivors = saved.runs.some(({ connection }) => connection['endNs'] !== undefined);
  return { truth: first.levels(), planned: begun[0] ?? '', adopted: begun[1] ?? '', survivors };
}

const CUTS = Array.from({ length: Math.floor(records.length / 5) }, (_unused, i) => i * 5);
const LEVELS = CUTS.map((cut) => ({ cut, ...levelsAt(cut) }));

test('after a planned restart at any moment levels are what they were', () => {
  assert.ok(LEVELS.filter(({ truth }) => truth === '1/1').length >= 5);
  assert.ok(LEVELS.some(({ truth }) => truth.endsWith('/2')));
  assert.ok(LEVELS.some(({ survivors }) => survivors));
  for (const { cut, truth, planned } of LEVELS) {
    // Where nobody is in yet nothing is saved, and the seeds tell.
    assert.equal(planned, truth, `cut ${cut}`);
  }
});

test('an agent that finds everything open says the same, but for a session whose leader has run nothing yet', () => {
  const others = LEVELS.filter(({ truth, adopted, survivors }) => adopted !== truth && !survivors);
  assert.ok(others.length <= 2, JSON.stringify(others));
  for (const { truth, adopted } of others) assert.deepEqual([truth, adopted], ['1/1', '1/0']);
});

test('a connection of which only survivors are found is forgotten with the last of them', () => {
  const { cut } = LEVELS.find(({ survivors }) => survivors) ?? { cut: 0 };
  const { pipeline, levels } = agent();
  pipeline.push(bytesOf(openingAt(cut)));
  pipeline.push(bytesOf([...records.slice(cut), later(records.at(-1))]));
  assert.equal(pipeline.counters.openConnections, 0);
  assert.equal(levels(), '0/0');
});
