/** Records cut out of recorded forwards: none is told with an end, a result or a kind that it did not have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareTold } from '../helpers/compare-told.ts';
import { cutStream, numbered } from '../helpers/cut-stream.ts';
import { decodeAll, ofKind, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

const SEEDS = 20;

for (const name of [
  '9.2-forward_unix-exact',
  '10.0-forward_agent-exact',
  '9.2-forward_X11-exact',
  '10.0-forward_denied',
])
  test(`${name}: a tenth of the records lost, ${SEEDS} ways`, () => {
    const lines = numbered(loadStream(`matrix/${name}`));
    const [truth] = tell(decodeAll(new TextEncoder().encode(`${lines.join('\n')}\n`))).connections;
    assert.ok(truth !== undefined && ofKind(truth, 'forward').length > 1);
    let kept = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      for (const told of tell(decodeAll(cutStream(lines, 0.1, seed).bytes)).connections) {
        assert.deepEqual(compareTold(truth, told).wrong, [], `seed ${seed}`);
        kept += ofKind(told, 'forward').length;
      }
    }
    assert.ok(kept > SEEDS, `${kept} forwards left`);
  });
