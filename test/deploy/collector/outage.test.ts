/** A real Collector that is killed (-9), stays away and comes back, while the agent is killed as well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOutage } from '../../export/outage-run.ts';
import { Collector, whyNoCollector } from './otelcol.ts';

const SKIP =
  process.env['SSHD_OTEL_COLLECTOR'] === 'run'
    ? (whyNoCollector() ?? false)
    : 'only make verify-collector runs a Collector';
/** 10 minutes as `SSHD_OTEL_OUTAGE_SECONDS=600`. */
const SECONDS = Number(process.env['SSHD_OTEL_OUTAGE_SECONDS'] ?? 60);

const idOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `${traceId}:${spanId}`;

test(`a real Collector killed and away for ${SECONDS} s at 200 spans/s, the agent killed (-9) twice meanwhile: every span that was due arrives, and none in two ways`, {
  skip: SKIP,
}, async (t) => {
  const plan = { outageMs: SECONDS * 1000, spansPerSecond: 200, kills: 2, deadMs: 1500 };
  const result = await runOutage(plan, await Collector.start());
  const told = new Set(result.told.map(idOf));
  const ways = new Map<string, Set<string>>();
  for (const { bytes: _bytes, ...span } of result.delivered) {
    const content = JSON.stringify(span, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    ways.set(idOf(span), (ways.get(idOf(span)) ?? new Set()).add(content));
  }
  const lost = [...told].filter((id) => !ways.has(id));
  const inTwoWays = [...ways].filter(([, contents]) => contents.size > 1);
  t.diagnostic(
    `${told.size} spans due, ${ways.size} delivered, lost ${lost.length}, in two ways ${inTwoWays.length}, ` +
      `sent again as they were ${result.delivered.length - ways.size}`,
  );
  assert.ok(told.size > SECONDS * 100, `${told.size} spans`);
  assert.deepEqual(lost.slice(0, 5), [], result.log.slice(-20).join('\n'));
  assert.deepEqual([...ways.keys()].filter((id) => !told.has(id)).slice(0, 5), []);
  assert.deepEqual(inTwoWays.slice(0, 2), []);
  assert.equal(result.exitCode, 0);
  assert.deepEqual(result.spoolLeft, []);
});
