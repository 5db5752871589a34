/**
 * Every recorded cell of the matrix again, on any machine: its stream against the facts that witnesses said when it was
 * recorded, and its drawing. `WRITE_GOLDEN=1` draws anew.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { drawTrace } from '../../agent/view/draw-trace.ts';
import { compareFacts } from './facts.ts';
import { RECORDED_SERVERS, type Recorded, recordingNames, recordsExact, replayRecording } from './recorded.ts';
import { SCENARIOS } from './scenarios.ts';
import { toldFacts } from './told-facts.ts';

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'matrix');

function drawn(recorded: Recorded): string {
  const traces = Map.groupBy(recorded.spans, (span) => span.traceId);
  return [...traces.values()].map((spans) => drawTrace(spans, { width: 160, color: false })).join('\n');
}

describe('the recorded matrix', () => {
  it('has no golden tree without its stream', () => {
    const names = recordingNames();
    const trees = readdirSync(GOLDEN).map((name) => name.replace(/\.txt$/, ''));
    assert.deepEqual(
      trees.filter((name) => !names.includes(name)),
      [],
    );
  });

  it('has a stream of each scenario on both families, but for what is too big or is told without witnesses of its programs', () => {
    const played = RECORDED_SERVERS.flatMap((server) =>
      SCENARIOS.filter((scenario) => scenario.unrecorded !== true)
        .filter((scenario) => scenario.notOn?.({ ...server, version: '', source: '' }) === undefined)
        .flatMap((scenario) => [
          `${server.id}-${scenario.name}`,
          ...(recordsExact(scenario) ? [`${server.id}-${scenario.name}-exact`] : []),
        ]),
    );
    const names = recordingNames();
    assert.deepEqual(
      played.filter((name) => !names.includes(name)),
      [],
    );
  });

  for (const name of recordingNames()) {
    it(`${name}: every fact that a witness said, and no other`, () => {
      const recorded = replayRecording(name);
      const { right, wrong, missing } = compareFacts(recorded.facts, toldFacts(recorded.spans));
      assert.deepEqual({ wrong, missing }, { wrong: [], missing: [] });
      assert.ok(right > 3, `${right} facts`);
      const path = join(GOLDEN, `${name}.txt`);
      const tree = drawn(recorded);
      if (process.env['WRITE_GOLDEN'] === '1') writeFileSync(path, tree);
      assert.equal(tree, readFileSync(path, 'utf8'));
    });
  }
});
