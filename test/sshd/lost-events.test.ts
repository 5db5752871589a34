/** Records cut out at random, as by a full buffer: no fact may become wrong, and what was touched says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareTold } from '../helpers/compare-told.ts';
import { cutStream, numbered } from '../helpers/cut-stream.ts';
import { decodeAll, type Told, type ToldConnection, tell } from '../helpers/model.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';

const SEEDS = Number(process.env['LOST_EVENTS_SEEDS'] ?? 100);
const encode = (lines: readonly string[]): Uint8Array => new TextEncoder().encode(`${lines.join('\n')}\n`);
const idOf = (c: ToldConnection): string => `${c.facts.id.pid}:${c.facts.id.startNs}`;

/** Until when anything of it was alive. */
function lastNs(c: ToldConnection): bigint {
  let last = c.facts.endNs ?? 0n;
  for (const a of c.activities) if (a.endNs > last) last = a.endNs;
  return last;
}

function plain(c: ToldConnection): string {
  const { id, user, authenticated, endNs, disconnectReason, incomplete } = c.facts;
  const facts = { id, user, authenticated, endNs, disconnectReason, incomplete: [...incomplete] };
  return JSON.stringify([facts, c.activities], (_key, v) =>
    typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? [...v] : v,
  );
}

for (const name of streamNames().filter((n) => n.endsWith('-story'))) {
  const lines = numbered(loadStream(name));
  const truth = tell(decodeAll(encode(lines)));
  const truthById = new Map(truth.connections.map((c) => [idOf(c), c]));

  for (const fraction of [0.01, 0.1, 0.5]) {
    test(`${name}: ${fraction * 100} % of the records lost, ${SEEDS} ways`, (t) => {
      let [kept, all, untouched] = [0, 0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const cut = cutStream(lines, fraction, seed);
        const told: Told = tell(decodeAll(cut.bytes));
        for (const c of told.connections) {
          const real = truthById.get(idOf(c));
          assert.ok(real, `seed ${seed}: connection ${idOf(c)} never was`);
          const touched = cut.gaps.some((g) => g.sinceNs <= lastNs(real) && g.untilNs >= real.facts.startNs);
          if (!touched) {
            assert.equal(plain(c), plain(real), `seed ${seed}: ${idOf(c)} had no gap`);
            untouched++;
          }
          const comparison = compareTold(real, c);
          assert.deepEqual(comparison.wrong, [], `seed ${seed}: connection ${idOf(c)}`);
          if (plain(c) !== plain(real))
            assert.ok(c.facts.incomplete.size > 0, `seed ${seed}: ${idOf(c)} is not marked`);
          kept += comparison.kept;
          all += comparison.all;
        }
      }
      t.diagnostic(`facts kept ${((100 * kept) / all).toFixed(1)} %, ${untouched} connections untouched and unchanged`);
    });
  }
}
