import type { SinkSpan, SinkValue } from './otlp-decode.ts';

/** Tempo's `max_bytes_per_trace`; the rest of a larger trace is discarded without a word to the sender. */
const MAX_TRACE_BYTES = 5_000_000;
/** Tempo's `max_attribute_bytes`: longer strings are cut; elements of lists are not. */
const MAX_STRING_BYTES = 2_048;

/**
 * What Jaeger and Tempo want, so that a trace is shown whole: every violation as one readable line.
 * The same span sent twice is one span; the same id with other content is not.
 */
export function checkTraces(spans: readonly SinkSpan[]): string[] {
  const problems: string[] = [];
  for (const [traceId, members] of Map.groupBy(spans, (span) => span.traceId)) {
    problems.push(...checkTrace(traceId, members));
  }
  return problems;
}

function checkTrace(traceId: string, members: readonly SinkSpan[]): string[] {
  const problems: string[] = [];
  const say = (span: SinkSpan, what: string) =>
    problems.push(`trace ${traceId} span ${span.spanId} “${span.name}”: ${what}`);
  const byId = new Map<string, SinkSpan>();
  for (const span of members) {
    const twin = byId.get(span.spanId);
    if (!twin) byId.set(span.spanId, span);
    else if (fingerprint(twin) !== fingerprint(span))
      say(span, `the id was sent before with other content, as “${twin.name}”`);
  }
  const unique = [...byId.values()];
  const roots = unique.filter((span) => span.parentSpanId === undefined);
  if (roots.length !== 1)
    problems.push(`trace ${traceId}: ${roots.length} roots: ${roots.map((span) => span.name).join(', ')}`);
  const bytes = unique.reduce((total, span) => total + span.bytes, 0);
  if (bytes > MAX_TRACE_BYTES) problems.push(`trace ${traceId}: ${bytes} bytes, more than ${MAX_TRACE_BYTES}`);
  for (const span of unique) {
    if (/^0*$/.test(span.traceId) || /^0*$/.test(span.spanId)) say(span, 'an id of zeros');
    if (span.endNs < span.startNs) say(span, `ends ${span.startNs - span.endNs} ns before its start`);
    if (span.parentSpanId !== undefined) {
      const parent = byId.get(span.parentSpanId);
      if (!parent) say(span, `parent ${span.parentSpanId} is not in the trace`);
      else if (span.startNs < parent.startNs) {
        say(span, `starts ${parent.startNs - span.startNs} ns before its parent “${parent.name}”`);
      }
    }
    for (const [key, value] of strings(span)) {
      if (typeof value === 'string' && Buffer.byteLength(value) > MAX_STRING_BYTES) {
        say(span, `${key} has ${Buffer.byteLength(value)} bytes, more than ${MAX_STRING_BYTES}`);
      }
      if (!isWellFormed(value)) say(span, `${key} is not well-formed text`);
    }
  }
  return problems;
}

function strings(span: SinkSpan): [string, SinkValue][] {
  return [
    ['name', span.name],
    ['status message', span.statusMessage],
    ...Object.entries(span.attributes),
    ...Object.entries(span.resource),
    ...span.links.flatMap((link) => Object.entries(link.attributes)),
  ];
}

function isWellFormed(value: SinkValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  return typeof value !== 'object' || value.every(isWellFormed);
}

function fingerprint(span: SinkSpan): string {
  return JSON.stringify(span, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
