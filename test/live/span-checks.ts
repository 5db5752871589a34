/** What must hold of every set of traces, whatever happened. */
import assert from 'node:assert/strict';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { Tracing } from './tracing.ts';

export const sessionsOf = (spans: readonly SpanRecord[]) => spans.filter((span) => span.name === 'ssh.session');

/** Nothing was rejected or lost, each trace has one root, each parent exists and does not start after its child. */
export function checkSpans({ spans, pipeline }: Tracing): void {
  const { decode, openConnections } = pipeline.counters;
  assert.deepEqual(
    Object.entries(decode.rejected).filter(([, count]) => count > 0),
    [],
    'every line is a record',
  );
  assert.equal(decode.missing, 0);
  assert.equal(openConnections, 0);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  assert.equal(byId.size, spans.length, 'ids are unique');
  const roots = spans.filter((span) => span.parentSpanId === undefined).map((span) => span.traceId);
  assert.deepEqual(roots.sort(), [...new Set(spans.map((span) => span.traceId))].sort(), 'one root a trace');
  for (const span of spans) {
    assert.ok(span.endNs >= span.startNs, `${span.name} ends before it starts`);
    if (span.parentSpanId === undefined) continue;
    const parent = byId.get(span.parentSpanId);
    assert.ok(parent, `the parent of ${span.name} exists`);
    assert.equal(parent.traceId, span.traceId);
    assert.ok(parent.startNs <= span.startNs, `${span.name} starts before its parent ${parent.name}`);
  }
}
