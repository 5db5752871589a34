import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertBalanced, RESOURCE, singleSpans, traceOf, withRig } from '../helpers/export-fixtures.ts';
import { ACCEPT, type Answer } from '../helpers/otlp-sink.ts';

const status = (code: number, body = '', headers: Record<string, string> = {}): Answer => ({
  kind: 'status',
  status: code,
  body,
  headers,
});

test('a healthy collector gets every span of a trace in one request and nothing is said', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    exporter.accept(traceOf(0, 20), RESOURCE);
    await sink.spans(20);
    assert.equal(sink.requests.length, 1);
    sink.check();
    assert.deepEqual(logs.lines, []);
  });
  assert.equal(counters.exported, 20);
  assert.equal(counters.failures, 0);
});

test('while connections are refused nothing is lost: one line at the beginning, one at the end with the counts', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    await sink.refuse();
    exporter.accept(traceOf(0, 700), RESOURCE);
    assert.match(
      await logs.line(/cannot export/),
      /^warn: cannot export to http:\/\/127.0.0.1:\d+\/v1\/traces: connect ECONNREFUSED.*; 700 spans wait, trying again$/,
    );
    exporter.accept(traceOf(1, 300), RESOURCE);
    await sink.listen();
    await sink.spans(1000);
    assert.match(
      await logs.line(/works again/),
      /^info: export works again after \d+ failed tr(y|ies) in \d+\.\d s: 512 sent, 488 spans wait, none dropped$/,
    );
    assert.equal(logs.lines.length, 2, logs.lines.join('\n'));
    sink.check();
    assert.equal(sink.kept.length, 1000);
  });
  assert.equal(counters.exported, 1000);
  assert.ok(counters.failures > 0);
});

const RETRIED: [title: string, fault: Answer, line: RegExp][] = [
  ['a connection reset', { kind: 'reset' }, /socket hang up|ECONNRESET/],
  ['429', status(429, '{"code":8,"message":"too many"}'), /answer 429: “too many”/],
  ['500', status(500, 'oops'), /answer 500: “oops”/],
  ['502', status(502), /answer 502/],
  ['503', status(503), /answer 503/],
  ['504', status(504), /answer 504/],
  ['401', status(401), /answer 401 \(wrong or missing credentials: see OTEL_EXPORTER_OTLP_HEADERS\)/],
  ['403', status(403), /answer 403 .*OTEL_EXPORTER_OTLP_HEADERS/],
  [
    '404',
    status(404, '404 page not found'),
    /answer 404 \(nothing takes traces at this path: see OTEL_EXPORTER_OTLP_ENDPOINT\)/,
  ],
  ['415', status(415), /answer 415 .*OTEL_EXPORTER_OTLP_PROTOCOL/],
  ['a redirect', status(302, '', { location: 'http://127.0.0.1:1/' }), /answer 302 \(this is no OTLP answer\)/],
  ['a web page with 200', { kind: 'web-page' }, /answer 200 with a web page \(no collector/],
];

for (const [title, fault, line] of RETRIED) {
  test(`after ${title} the same spans are sent again, none is lost or doubled, and the reason is said once`, async () => {
    const counters = await withRig({}, async ({ sink, exporter, logs }) => {
      sink.answer = () => fault;
      exporter.accept(traceOf(0, 10), RESOURCE);
      await sink.requestCount(3);
      assert.match(await logs.line(/cannot export/), line);
      sink.answer = () => ACCEPT;
      await logs.line(/works again/);
      assert.equal(sink.kept.length, 10);
      assert.equal(logs.lines.length, 2, logs.lines.join('\n'));
      sink.check();
    });
    assert.equal(counters.exported, 10);
    assert.equal(counters.refused, 0);
    assert.ok(counters.failures >= 3);
  });
}

test('a collector that takes the request and never answers is given up after the time-out and asked again', async () => {
  await withRig({ timeoutMs: 50 }, async ({ sink, exporter, logs }) => {
    sink.answer = () => ({ kind: 'hang' });
    exporter.accept(traceOf(0, 3), RESOURCE);
    assert.match(await logs.line(/cannot export/), /no answer within 50 ms/);
    sink.answer = () => ACCEPT;
    await sink.spans(3);
    sink.check();
  });
});

test('a collector that drips its answer does not hold the export for ever; its 200 counts', async () => {
  const counters = await withRig({ timeoutMs: 60 }, async ({ sink, exporter }) => {
    sink.answer = () => ({ kind: 'drip' });
    exporter.accept(traceOf(0, 3), RESOURCE);
    await sink.requestCount(1);
    sink.answer = () => ACCEPT;
    exporter.accept(traceOf(1, 2), RESOURCE);
    await sink.spans(2);
  });
  assert.equal(counters.exported, 5);
});

test('only one request is under way at a time, however slow the collector is', async () => {
  await withRig({ batch: { maxSpans: 10, maxBytes: 1e6, delayMs: 1 } }, async ({ sink, exporter }) => {
    sink.answer = () => ({ kind: 'hang' });
    exporter.accept(singleSpans(100), RESOURCE);
    await sink.requestCount(1);
    assert.deepEqual([exporter.counters.inFlight, exporter.counters.queued], [10, 90]);
    for (let request = 1; request <= 10; request += 1) {
      await sink.requestCount(request);
      assert.equal(sink.requests.length, request);
      assert.equal(exporter.counters.inFlight, 10);
      sink.answer = () => ACCEPT;
      sink.release();
      sink.answer = () => ({ kind: 'hang' });
    }
    await sink.spans(100);
    sink.answer = () => ACCEPT;
  });
});

test('a connection that the collector closed while it idled is no outage', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    for (let round = 0; round < 5; round += 1) {
      exporter.accept(traceOf(round, 2), RESOURCE);
      await sink.spans(2 * (round + 1));
      sink.dropConnections();
    }
    assert.deepEqual(logs.lines, []);
    sink.check();
  });
  assert.equal(counters.exported, 10);
});

test('a kept connection that is reset by the next request is no outage either: it is sent again at once', async () => {
  const counters = await withRig({ backoff: { initialMs: 60_000, maxMs: 60_000, slowMs: 60_000 } }, async (rig) => {
    const { sink, exporter, logs } = rig;
    exporter.accept(traceOf(0, 2), RESOURCE);
    await sink.spans(2);
    let resets = 0;
    sink.answer = () => {
      resets += 1;
      return resets === 1 ? { kind: 'reset' } : ACCEPT;
    };
    exporter.accept(traceOf(1, 2), RESOURCE);
    await sink.spans(4);
    assert.deepEqual([resets, logs.lines], [2, []]);
    sink.check();
  });
  assert.equal(counters.exported, 4);
});

test('a partial success counts what was rejected, and is not sent again', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    sink.answer = () => ({ kind: 'partial', rejected: 3, message: 'spans too old' });
    exporter.accept(traceOf(0, 10), RESOURCE);
    assert.match(
      await logs.line(/refused/),
      /^warn: the collector refused 3 spans: partial success: “spans too old” \(3 refused so far\)$/,
    );
    sink.answer = () => ACCEPT;
    exporter.accept(traceOf(1, 1), RESOURCE);
    await sink.spans(8);
    assert.equal(sink.requests.length, 2);
  });
  assert.deepEqual([counters.exported, counters.refused, counters.failures], [8, 3, 0]);
});

test('a remark without a rejection is passed on and loses nothing', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    sink.answer = () => ({ kind: 'partial', rejected: 0, message: 'update\u001b[31m me' });
    exporter.accept(traceOf(0, 2), RESOURCE);
    assert.match(await logs.line(/took all/), /it remarks: “update \[31m me”/);
  });
  assert.deepEqual([counters.exported, counters.refused], [2, 0]);
});

for (const code of [400, 413]) {
  test(`a span that makes the collector answer ${code} is found by halving and dropped alone`, async () => {
    const counters = await withRig({}, async ({ sink, exporter, logs }) => {
      sink.answer = ({ spans }) =>
        spans.some((span) => span.name === 'command-77') ? status(code, 'bad span') : ACCEPT;
      exporter.accept(traceOf(0, 100), RESOURCE);
      await sink.spans(99);
      assert.match(
        await logs.line(/refused/),
        new RegExp(`refused a span: answer ${code}: “bad span” \\(1 refused so far\\)`),
      );
      const names = sink.kept.map((span) => span.name);
      assert.equal(new Set(names).size, 99);
      assert.ok(!names.includes('command-77'));
      // 100 → 50 → 25 → … → 1, and the other half of each.
      assert.ok(sink.requests.length <= 15, `${sink.requests.length} requests`);
    });
    assert.deepEqual([counters.exported, counters.refused], [99, 1]);
  });
}

test('a body that is too large is halved until it fits, and nothing is lost', async () => {
  const counters = await withRig({}, async ({ sink, exporter }) => {
    sink.answer = ({ spans }) => (spans.length > 30 ? status(413) : ACCEPT);
    exporter.accept(traceOf(0, 200), RESOURCE);
    await sink.spans(200);
    sink.check();
  });
  assert.deepEqual([counters.exported, counters.refused], [200, 0]);
});

test('a collector that refuses whatever it gets costs a few spans, not the queue', async () => {
  const counters = await withRig(
    { backoff: { initialMs: 5, maxMs: 10, slowMs: 30 } },
    async ({ sink, exporter, logs }) => {
      sink.answer = () => status(400, 'nope');
      exporter.accept(traceOf(0, 512), RESOURCE);
      assert.match(await logs.line(/cannot export/), /whatever is sent is refused, answer 400: “nope”/);
      assert.ok(exporter.counters.refused <= 8, `${exporter.counters.refused} refused`);
      assert.ok(sink.requests.length < 50, `${sink.requests.length} requests`);
      sink.answer = () => ACCEPT;
      await logs.line(/works again/);
    },
  );
  assert.equal(counters.exported + counters.refused, 512);
});

test('ten bad spans in a row do not hold up the good ones behind them', async () => {
  const counters = await withRig({ backoff: { initialMs: 5, maxMs: 10, slowMs: 10 } }, async ({ sink, exporter }) => {
    const bad = new Set(Array.from({ length: 20 }, (_unused, index) => `command-${index + 40}`));
    sink.answer = ({ spans }) => (spans.some((span) => bad.has(span.name)) ? status(400) : ACCEPT);
    exporter.accept(traceOf(0, 400), RESOURCE);
    await sink.spans(380);
  });
  assert.deepEqual([counters.exported, counters.refused, counters.late], [380, 20, 0]);
});

test('Retry-After is obeyed', async () => {
  await withRig({}, async ({ sink, exporter, logs }) => {
    sink.answer = () => status(429, '', { 'retry-after': '1' });
    exporter.accept(traceOf(0, 1), RESOURCE);
    await logs.line(/cannot export/);
    const since = performance.now();
    sink.answer = () => ACCEPT;
    await sink.spans(1);
    // Our own pause is 10 ms here. Timers may fire a little early.
    assert.ok(performance.now() - since > 900);
  });
});

test('when the reason changes, that is said too', async () => {
  await withRig({}, async ({ sink, exporter, logs }) => {
    sink.answer = () => status(503);
    exporter.accept(traceOf(0, 1), RESOURCE);
    await logs.line(/cannot export.*503/);
    sink.answer = () => status(401);
    assert.match(await logs.line(/still cannot export/), /now: answer 401/);
    sink.answer = () => ACCEPT;
    await logs.line(/works again/);
    assertBalanced(exporter.counters);
  });
});
