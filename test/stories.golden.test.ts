/** The recorded streams drawn as trees. `WRITE_GOLDEN=1` writes them anew; read the difference before committing it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Pipeline } from '../agent/pipeline.ts';
import { createRedactor } from '../agent/span/redact/redactor.ts';
import type { SpanRecord } from '../agent/span/span-record.ts';
import { drawTrace } from '../agent/view/draw-trace.ts';
import { cutStream, numbered, seeded } from './helpers/cut-stream.ts';
import { loadStream, streamNames } from './helpers/streams.ts';

const newPipeline = (): Pipeline =>
  new Pipeline({ hostKey: new Uint8Array(32), redactor: createRedactor(), agentVersion: '0.0.0' });

/** Spans of a stream that comes in these chunks. */
function spansOf(chunks: Iterable<Uint8Array>): SpanRecord[] {
  const pipeline = newPipeline();
  const spans: SpanRecord[] = [];
  for (const chunk of chunks) spans.push(...pipeline.push(chunk));
  spans.push(...pipeline.end());
  return spans;
}

function drawn(spans: readonly SpanRecord[]): string {
  const traces = new Map<string, SpanRecord[]>();
  for (const span of spans) {
    const trace = traces.get(span.traceId);
    if (trace === undefined) traces.set(span.traceId, [span]);
    else trace.push(span);
  }
  return [...traces.values()].map((trace) => drawTrace(trace, { width: 160, color: false })).join('\n\n');
}

const text = (spans: readonly SpanRecord[]): string =>
  JSON.stringify(spans, (_key, value) => (typeof value === 'bigint' ? String(value) : value));

function* bytesOf(stream: Uint8Array): Iterable<Uint8Array> {
  for (let i = 0; i < stream.length; i++) yield stream.subarray(i, i + 1);
}

const encode = (lines: readonly string[]): Uint8Array => new TextEncoder().encode(`${lines.join('\n')}\n`);

/** Lines in an order that the reorder window mends: each moved by less than 20 ms of event time. */
function shuffled(lines: readonly string[], seed: number): string[] {
  const random = seeded(seed);
  const keyed = lines.map((line, index) => {
    const record = JSON.parse(line);
    const fixed = record.k === 'hello' || record.k === 'end';
    return { line, index, at: fixed ? undefined : BigInt(record.ts) + BigInt(Math.floor(random() * 20_000_000)) };
  });
  const head = keyed.filter((k) => k.at === undefined && k.index === 0);
  const tail = keyed.filter((k) => k.at === undefined && k.index > 0);
  const body = keyed.filter((k) => k.at !== undefined);
  body.sort((a, b) => Number((a.at ?? 0n) - (b.at ?? 0n)));
  return [...head, ...body, ...tail].map((k) => k.line);
}

for (const name of streamNames()) {
  test(`${name} draws its golden trees`, () => {
    const tree = `${drawn(spansOf([loadStream(name)]))}\n`;
    const file = new URL(`golden/${name}.trace.txt`, import.meta.url);
    if (process.env['WRITE_GOLDEN'] === '1') writeFileSync(file, tree);
    assert.equal(tree, readFileSync(file, 'utf8'));
  });

  test(`${name} gives the same spans byte by byte, shuffled and doubled`, () => {
    const stream = loadStream(name);
    const whole = text(spansOf([stream]));
    assert.ok(whole.length > 1_000);
    assert.equal(text(spansOf(bytesOf(stream))), whole);
    const lines = numbered(stream);
    const inOrder = text(spansOf([encode(lines)]));
    for (const seed of [1, 2, 3]) assert.equal(text(spansOf([encode(shuffled(lines, seed))])), inOrder, `seed ${seed}`);
    const doubled = lines.flatMap((line) =>
      line.startsWith('{"k":"hello"') || line.startsWith('{"k":"end"') ? [line] : [line, line],
    );
    assert.equal(text(spansOf([encode(doubled)])), inOrder);
  });
}

test('spans of a stream with lost records have one root a trace, known parents and unique ids', () => {
  for (const name of streamNames()) {
    const lines = numbered(loadStream(name));
    for (const seed of [1, 2, 3, 4, 5]) assertTrees(spansOf([cutStream(lines, 0.3, seed).bytes]), `${name} ${seed}`);
  }
});

function assertTrees(spans: readonly SpanRecord[], what: string): void {
  const ids = new Map(spans.map((span) => [`${span.traceId} ${span.spanId}`, span]));
  assert.equal(ids.size, spans.length, `${what}: ids are unique`);
  const roots = new Map<string, number>();
  for (const span of spans) {
    assert.ok(span.endNs >= span.startNs, what);
    if (span.parentSpanId === undefined) roots.set(span.traceId, (roots.get(span.traceId) ?? 0) + 1);
    else assert.ok(ids.has(`${span.traceId} ${span.parentSpanId}`), `${what}: ${span.name} has an unknown parent`);
  }
  for (const count of roots.values()) assert.equal(count, 1, what);
  assert.ok(
    spans.every((span) => roots.has(span.traceId)),
    `${what}: every trace has its root`,
  );
}
