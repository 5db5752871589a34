import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { RESOURCE, spanIdOf, spanRecord, traceOf, withRig } from '../helpers/export-fixtures.ts';
import { decodeRequest } from '../helpers/otlp-decode.ts';

/** The sink must find what it is there to find: each case breaks one rule. */
async function problemsWith(records: readonly SpanRecord[]): Promise<string> {
  let message = '';
  await withRig({}, async ({ sink, exporter }) => {
    exporter.accept(records, RESOURCE);
    await sink.spans(records.length);
    try {
      sink.check();
    } catch (error) {
      message = error instanceof Error ? error.message : String(error);
    }
  });
  return message;
}

const root = spanRecord({ name: 'root', kind: 'server' });
const child = spanRecord({ spanId: spanIdOf(1), parentSpanId: root.spanId, name: 'child' });

test('a correct trace has no problems', async () => {
  assert.equal(await problemsWith([root, child]), '');
  assert.equal(await problemsWith(traceOf(3, 50)), '');
});

const CASES: [title: string, records: SpanRecord[], expected: RegExp][] = [
  ['two roots', [root, { ...root, spanId: spanIdOf(5), name: 'second' }], /2 roots: root, second/],
  ['no root', [child, { ...root, parentSpanId: spanIdOf(1) }], /0 roots/],
  [
    'an unknown parent',
    [root, { ...child, parentSpanId: spanIdOf(77) }],
    /parent 000000000000004e is not in the trace/,
  ],
  [
    'one id with other content',
    [root, child, { ...child, name: 'other' }],
    /the id was sent before with other content, as “child”/,
  ],
  [
    'a child before its parent',
    [root, { ...child, startNs: root.startNs - 1n }],
    /starts 1 ns before its parent “root”/,
  ],
  [
    'a string that Tempo cuts',
    [{ ...root, attributes: { long: 'x'.repeat(2_049) } }],
    /long has 2049 bytes, more than 2048/,
  ],
  [
    'a trace that Tempo cuts',
    [
      root,
      ...Array.from({ length: 80 }, (_unused, index) => ({
        ...child,
        spanId: spanIdOf(index + 2),
        attributes: { argv: ['x'.repeat(65_536)] },
      })),
    ],
    /trace \w+: \d{7} bytes, more than 5000000/,
  ],
];

for (const [title, records, expected] of CASES) {
  test(`the sink finds ${title}`, async () => {
    assert.match(await problemsWith(records), expected);
  });
}

test('the same span sent twice is no problem, as back ends keep one', async () => {
  assert.equal(await problemsWith([root, child, child]), '');
});

test('the sink finds an unknown field, a wrong type, an id in upper case and a lone surrogate', () => {
  const span = {
    traceId: 'A'.padStart(32, '0'),
    spanId: '1'.padStart(16, '0'),
    name: 7,
    bogus: true,
    startTimeUnixNano: '1',
    endTimeUnixNano: '2',
    attributes: [{ key: 'k', value: { stringValue: '\ud800' } }],
  };
  const body = Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
  const problems = decodeRequest(body, 'application/json').problems.join('\n');
  assert.match(problems, /traceId: not 32 lower-case hex digits/);
  assert.match(problems, /bogus: true is not what the schema has there/);
  assert.match(problems, /name: 7 is not what the schema has there/);
  assert.match(problems, /stringValue: a lone surrogate/);
});
