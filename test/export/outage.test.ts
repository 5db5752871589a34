import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SinkSpan } from '../helpers/otlp-decode.ts';
import { runOutage } from './outage-run.ts';

/** 10 minutes as `SSHD_OTEL_OUTAGE_SECONDS=600`; by default short enough for each commit. */
const SECONDS = Number(process.env['SSHD_OTEL_OUTAGE_SECONDS'] ?? 15);
const MIB = 1024 * 1024;

const idOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `${traceId}:${spanId}`;

function contentOf({ name, startNs, endNs, parentSpanId, attributes, links }: SinkSpan): string {
  return JSON.stringify([name, String(startNs), String(endNs), parentSpanId, attributes, links.length]);
}

test(`collector away for ${SECONDS} s at 200 spans/s, agent killed (-9) twice meanwhile: nothing that was due is lost, nothing is told in two ways`, async (t) => {
  const plan = { outageMs: SECONDS * 1000, spansPerSecond: 200, kills: 2, deadMs: 1500 };
  const result = await runOutage(plan);
  const contents = new Map<string, Set<string>>();
  for (const span of result.delivered) {
    const id = idOf(span);
    contents.set(id, (contents.get(id) ?? new Set()).add(contentOf(span)));
  }
  const told = new Map(result.told.map((span) => [idOf(span), span]));
  const lost = [...told.keys()].filter((id) => !contents.has(id));
  const unknown = [...contents.keys()].filter((id) => !told.has(id));
  const inTwoWays = [...contents].filter(([, ways]) => ways.size > 1);
  const rss = result.rssBytes.map((life) => life.map((bytes) => Math.round(bytes / MIB)));
  const figures = [
    `outage ${SECONDS} s, ${plan.spansPerSecond} spans/s, ${plan.kills} kills: ${told.size} spans due, ${contents.size} delivered`,
    `lost ${lost.length}; told in two ways ${inTwoWays.length}; sent again as they were ${result.delivered.length - contents.size}`,
    `held back when killed ${result.held.join(' and ')}, announced ${result.heldAnnounced.join(' and ')}`,
    `records while dead ${result.unread.join(' and ')}, announced ${result.unreadAnnounced.join(' and ')}`,
    `memory of each life at start, middle and end, MiB: ${rss.map((life) => [life[0], life[life.length >> 1], life.at(-1)].join(' ')).join('; ')}`,
    `spool at most ${Math.round(result.spoolBytesAtMost / MIB)} MiB`,
  ];
  for (const line of figures) t.diagnostic(line);

  assert.equal(told.size, result.told.length, 'no id is told twice, whichever agent tells it');
  assert.deepEqual(lost.slice(0, 5), [], result.log.join('\n'));
  assert.deepEqual(unknown.slice(0, 5), []);
  assert.deepEqual(inTwoWays.slice(0, 5), []);
  for (const [id, [content]] of contents) {
    const span = told.get(id);
    assert.deepEqual(JSON.parse(content ?? '').slice(0, 3), [span?.name, String(span?.startNs), String(span?.endNs)]);
  }
  // Nothing lost is nothing said.
  assert.deepEqual(
    result.heldAnnounced,
    result.held.filter((count) => count > 0),
  );
  assert.deepEqual(result.unreadAnnounced, result.unread);
  assert.equal(result.exitCode, 0);
  assert.deepEqual(result.spoolLeft, [], 'all is delivered, so nothing stays on disk');
  for (const life of rss.slice(0, -1)) {
    const middle = life[life.length >> 1] ?? 0;
    assert.ok((life.at(-1) ?? 0) < middle + 40, `memory grows: ${life.join(' ')}`);
  }
});
