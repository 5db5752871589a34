import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExportOptions } from '../../agent/export/options.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { RESOURCE, spanIdOf, spanRecord, traceIdOf, withRig } from '../helpers/export-fixtures.ts';
import type { SinkSpan } from '../helpers/otlp-decode.ts';
import type { OtlpSink } from '../helpers/otlp-sink.ts';

/** Sends records and returns them as the collector decoded them. */
async function roundTrip(
  records: readonly SpanRecord[],
  overrides: Partial<ExportOptions> = {},
  inspect: (sink: OtlpSink) => void = (sink) => sink.check(),
): Promise<readonly SinkSpan[]> {
  let spans: readonly SinkSpan[] = [];
  await withRig(overrides, async ({ sink, exporter }) => {
    exporter.accept(records, RESOURCE);
    spans = await sink.spans(records.length);
    inspect(sink);
  });
  return spans;
}

function only(spans: readonly SinkSpan[]): SinkSpan {
  const [span] = spans;
  assert.ok(span && spans.length === 1);
  return span;
}

for (const protocol of ['http/json', 'http/protobuf'] as const) {
  test(`${protocol}: ids, parents, kinds, names, status and times arrive exactly, to the nanosecond`, async () => {
    const root = spanRecord({
      name: 'ssh.connection',
      kind: 'server',
      startNs: 1_795_514_400_123_456_789n,
      endNs: 1_795_600_800_999_999_999n,
    });
    const child = spanRecord({
      spanId: 'fedcba9876543210',
      parentSpanId: root.spanId,
      name: 'sh',
      startNs: 1_795_514_400_123_456_790n,
      endNs: 1_795_514_400_123_456_791n,
      status: 'error',
      statusMessage: 'killed by SIGKILL',
    });
    const spans = await roundTrip([root, child], { protocol });
    assert.deepEqual(
      spans.map(({ traceId, spanId, parentSpanId, name, kind, startNs, endNs, status, statusMessage }) => {
        return { traceId, spanId, parentSpanId, name, kind, startNs, endNs, status, statusMessage };
      }),
      [
        {
          traceId: root.traceId,
          spanId: root.spanId,
          parentSpanId: undefined,
          name: 'ssh.connection',
          kind: 2,
          startNs: root.startNs,
          endNs: root.endNs,
          status: 0,
          statusMessage: '',
        },
        {
          traceId: root.traceId,
          spanId: 'fedcba9876543210',
          parentSpanId: root.spanId,
          name: 'sh',
          kind: 1,
          startNs: child.startNs,
          endNs: child.endNs,
          status: 2,
          statusMessage: 'killed by SIGKILL',
        },
      ],
    );
    // Sampled, and the parent is known to be local: 0x101.
    assert.deepEqual(
      spans.map((span) => span.flags),
      [0x101, 0x101],
    );
  });

  test(`${protocol}: attributes keep their types; lists stay lists, whatever is in them`, async () => {
    const argv = [
      'sh',
      '-c',
      'echo "a\nb" \\ \u0001 \u202e',
      '',
      'ünïcödé',
      '日本語',
      '🙂',
      '--x={"stringValue":"forged"}',
    ];
    const attributes = {
      text: 'a\u0000b',
      'process.exit.code': 137,
      rtt: 0.000123,
      negative: -1,
      big: 2 ** 53 - 1,
      flag: false,
      'process.command_args': argv,
      none: [],
    };
    const span = only(await roundTrip([spanRecord({ attributes })], { protocol }));
    assert.deepEqual(span.attributes, attributes);
  });

  test(`${protocol}: a lone surrogate becomes U+FFFD wherever it stands and spoils nothing else`, async () => {
    const bad = 'a\ud800b';
    const record = spanRecord({
      name: bad,
      attributes: { text: bad, list: [bad, 'fine'] },
      status: 'error',
      statusMessage: bad,
      links: [{ traceId: traceIdOf(9), spanId: spanIdOf(9), remote: false, attributes: { note: bad } }],
    });
    const span = only(await roundTrip([record], { protocol }));
    const good = 'a\ufffdb';
    assert.equal(span.name, good);
    assert.equal(span.statusMessage, good);
    assert.deepEqual(span.attributes, { text: good, list: [good, 'fine'] });
    assert.deepEqual(span.links[0]?.attributes, { note: good });
  });

  test(`${protocol}: a link keeps its ids, its trace state and whether it is remote`, async () => {
    const links = [
      {
        traceId: traceIdOf(5),
        spanId: spanIdOf(5),
        remote: true,
        traceState: 'vendor=1,other=2',
        attributes: { 'ssh.link.type': 'remote_parent' },
      },
      { traceId: traceIdOf(6), spanId: spanIdOf(6), remote: false, attributes: {} },
    ];
    const span = only(await roundTrip([spanRecord({ links })], { protocol }));
    assert.deepEqual(span.links, [
      {
        traceId: traceIdOf(5),
        spanId: spanIdOf(5),
        traceState: 'vendor=1,other=2',
        flags: 0x300,
        attributes: { 'ssh.link.type': 'remote_parent' },
      },
      { traceId: traceIdOf(6), spanId: spanIdOf(6), traceState: '', flags: 0x101, attributes: {} },
    ]);
  });
}

test('an argv of 100,000 elements arrives whole', async () => {
  const argv = Array.from({ length: 100_000 }, (_unused, index) => `argument-${index}`);
  const span = only(await roundTrip([spanRecord({ attributes: { 'process.command_args': argv } })]));
  assert.deepEqual(span.attributes['process.command_args'], argv);
});

test('numbers that JSON or 64 bits cannot hold never reach the wire as numbers', async () => {
  const attributes = { huge: 2 ** 70, inexact: 2 ** 53 + 2, nan: Number.NaN, infinite: Infinity, fine: 1 };
  const span = only(await roundTrip([spanRecord({ attributes })]));
  assert.deepEqual(span.attributes, { huge: '1180591620717411303424', inexact: '9007199254740994', fine: 1 });
});

test('resource and scope: what the agent knows, then OTEL_RESOURCE_ATTRIBUTES, then OTEL_SERVICE_NAME', async () => {
  const span = only(
    await roundTrip([spanRecord()], {
      serviceName: 'bastion',
      resourceAttributes: { 'service.name': 'loses', 'host.name': 'renamed', 'deployment.environment.name': 'prod' },
      version: '1.2.3',
    }),
  );
  assert.equal(span.scope, 'sshd-otel@1.2.3');
  assert.equal(span.resource['service.name'], 'bastion');
  assert.equal(span.resource['host.name'], 'renamed');
  assert.equal(span.resource['host.id'], 'c0ffee');
  assert.equal(span.resource['deployment.environment.name'], 'prod');
  assert.equal(span.resource['telemetry.sdk.language'], 'nodejs');
});

test('spans of two servers keep their own resource, also within one request', async () => {
  await withRig({}, async ({ sink, exporter }) => {
    exporter.accept([spanRecord({ name: 'one' })], { attributes: { 'service.name': 'sshd', 'host.name': 'one' } });
    exporter.accept([spanRecord({ name: 'two', traceId: traceIdOf(2) })], {
      attributes: { 'service.name': 'sshd', 'host.name': 'two' },
    });
    const spans = await sink.spans(2);
    assert.equal(sink.requests.length, 1);
    assert.deepEqual(
      spans.map((span) => [span.name, span.resource['host.name']]),
      [
        ['one', 'one'],
        ['two', 'two'],
      ],
    );
  });
});

test('limits of the SDK: the attributes set last are left out and counted, long values are cut to well-formed text', async () => {
  const links = [1, 2, 3].map((number) => ({
    traceId: traceIdOf(number),
    spanId: spanIdOf(number),
    remote: false,
    attributes: { a: 1, b: 2 },
  }));
  const attributes = { first: '🙂🙂🙂', list: ['🙂🙂', 'abcdefgh'], third: 3, fourth: 4 };
  const limits = { attributeCount: 3, attributeValueLength: 5, linkCount: 2, attributePerLinkCount: 1 };
  const span = only(await roundTrip([spanRecord({ attributes, links })], { limits }));
  assert.deepEqual(span.attributes, { first: '🙂🙂\ufffd', list: ['🙂🙂', 'abcde'], third: 3 });
  assert.equal(span.droppedAttributes, 1);
  assert.deepEqual([span.links.length, span.droppedLinks], [2, 1]);
  assert.deepEqual(span.links[0]?.attributes, { a: 1 });
});

test('a record that the SDK would mend in silence is not sent, but counted and said', async () => {
  const counters = await withRig({}, async ({ sink, exporter, logs }) => {
    exporter.accept(
      [
        spanRecord({ traceId: 'ABC' }),
        spanRecord({ spanId: '0000000000000000' }),
        spanRecord({ parentSpanId: 'nonsense' }),
        spanRecord({ startNs: 2n, endNs: 1n }),
        spanRecord({ startNs: -1n }),
        spanRecord({ name: 'good' }),
      ],
      RESOURCE,
    );
    await sink.spans(1);
    assert.deepEqual(
      sink.kept.map((span) => span.name),
      ['good'],
    );
    assert.deepEqual(logs.lines, ['warn: a span is not exportable: trace id (1 so far)']);
  });
  assert.deepEqual([counters.invalid, counters.exported], [5, 1]);
});

test('gzip is smaller and arrives the same', async () => {
  const records = Array.from({ length: 50 }, (_unused, index) =>
    spanRecord({ traceId: traceIdOf(index), attributes: { text: 'repeat '.repeat(50) } }),
  );
  const sizes: number[] = [];
  for (const compression of ['none', 'gzip'] as const) {
    const spans = await roundTrip(records, { compression }, (sink) => {
      sink.check();
      assert.equal(sink.requests[0]?.headers['content-encoding'], compression === 'gzip' ? 'gzip' : undefined);
      sizes.push(sink.requests[0]?.bytes ?? 0);
    });
    assert.deepEqual(
      spans.map((span) => span.traceId),
      records.map((record) => record.traceId),
    );
  }
  const [plain = 0, small = 0] = sizes;
  assert.ok(small * 4 < plain, `${plain} → ${small} bytes`);
});

test('headers and the user agent are sent with every request', async () => {
  await roundTrip(
    [spanRecord()],
    { headers: { authorization: 'Bearer abc', 'x-scope-orgid': 'team' }, version: '1.2.3' },
    (sink) => {
      const headers = sink.requests[0]?.headers ?? {};
      assert.equal(headers.authorization, 'Bearer abc');
      assert.equal(headers['x-scope-orgid'], 'team');
      assert.equal(headers['content-type'], 'application/json');
      assert.match(headers['user-agent'] ?? '', /^sshd-otel\/1\.2\.3 /);
    },
  );
});

test('what is estimated for a span is near what is sent', async () => {
  const attributes = {
    'ssh.connection.id': traceIdOf(0),
    'user.name': 'deploy',
    'process.pid': 4711,
    'process.command_args': ['git', 'log', '--oneline', '-n', '20'],
  };
  const records = Array.from({ length: 100 }, (_unused, index) =>
    spanRecord({ traceId: traceIdOf(index), attributes }),
  );
  await withRig({ batch: { maxSpans: 512, maxBytes: 1e7, delayMs: 10 } }, async ({ sink, exporter }) => {
    exporter.accept(records, RESOURCE);
    const estimate = exporter.counters.queuedBytes;
    await sink.spans(100);
    const sent = sink.requests[0]?.bytes ?? 0;
    assert.ok(Math.abs(estimate - sent) < sent * 0.15, `estimated ${estimate}, sent ${sent}`);
  });
});
