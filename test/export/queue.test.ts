import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pauseMs } from '../../agent/export/backoff.ts';
import { parseRetryAfterMs } from '../../agent/export/request-watch.ts';
import { type Priority, SpanQueue } from '../../agent/export/span-queue.ts';
import { assertBalanced, RESOURCE, singleSpans, withRig } from '../helpers/export-fixtures.ts';

const MANY = { maxSpans: 1_000_000, maxBytes: Infinity };

function filled(
  limits: { maxSpans: number; maxBytes: number },
  items: readonly [name: string, priority: Priority, bytes?: number][],
): SpanQueue<string> {
  const queue = new SpanQueue<string>(limits);
  for (const [name, priority, bytes] of items) queue.add(name, priority, bytes ?? 1);
  return queue;
}

function names(queue: SpanQueue<string>): string[] {
  return queue.take(1_000, Infinity).map((waiting) => waiting.item);
}

test('the oldest goes out first, whatever its priority', () => {
  assert.deepEqual(
    names(
      filled(MANY, [
        ['a', 2],
        ['b', 0],
        ['c', 1],
        ['d', 2],
      ]),
    ),
    ['a', 'b', 'c', 'd'],
  );
});

test('a full queue drops the oldest that matter least', () => {
  const queue = filled({ maxSpans: 3, maxBytes: Infinity }, [
    ['scan 1', 2],
    ['scan 2', 2],
    ['login', 0],
    ['ls', 1],
    ['make', 1],
    ['root', 0],
  ]);
  assert.deepEqual(names(queue), ['login', 'make', 'root']);
  assert.deepEqual(queue.dropped, [0, 1, 2]);
});

test('what is added is itself dropped if nothing in the queue matters less', () => {
  const queue = filled({ maxSpans: 2, maxBytes: Infinity }, [
    ['login', 0],
    ['ls', 1],
    ['scan', 2],
  ]);
  assert.deepEqual(names(queue), ['login', 'ls']);
  assert.deepEqual(queue.dropped, [0, 0, 1]);
});

test('bytes bound the queue as spans do; one that alone is too large does not enter', () => {
  const queue = filled({ maxSpans: 100, maxBytes: 100 }, [
    ['a', 1, 60],
    ['b', 1, 60],
    ['huge', 0, 101],
  ]);
  assert.deepEqual([queue.size, queue.bytes], [0, 0]);
  assert.deepEqual(queue.dropped, [1, 2, 0]);
});

test('a batch is bounded by count and bytes, and holds one span at least', () => {
  const queue = filled(MANY, [
    ['huge', 1, 500],
    ['a', 1, 40],
    ['b', 1, 40],
    ['c', 1, 40],
  ]);
  assert.deepEqual(
    queue.take(10, 100).map((waiting) => waiting.item),
    ['huge'],
  );
  assert.deepEqual(
    queue.take(10, 100).map((waiting) => waiting.item),
    ['a', 'b'],
  );
  assert.deepEqual(
    queue.take(10, 100).map((waiting) => waiting.item),
    ['c'],
  );
  assert.deepEqual(queue.take(10, 100), []);
});

test('what is put back stands where it stood, and is the first to go if the queue filled up meanwhile', () => {
  const queue = filled({ maxSpans: 4, maxBytes: Infinity }, [
    ['a', 1],
    ['b', 0],
    ['c', 1],
  ]);
  const taken = queue.take(3, Infinity);
  queue.add('d', 1, 1);
  queue.add('e', 1, 1);
  queue.putBack([...taken].reverse());
  assert.deepEqual(names(queue), ['b', 'c', 'd', 'e']);
  assert.deepEqual(queue.dropped, [0, 1, 0]);
});

test('whatever is done to it, nothing gets lost uncounted, order holds, and no lower class is kept for a higher one', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      priority: fc.constantFrom<Priority>(0, 1, 2),
      bytes: fc.integer({ min: 1, max: 50 }),
    }),
    fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 8 }), fails: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (steps, maxSpans) => {
      const queue = new SpanQueue<number>({ maxSpans, maxBytes: 300 });
      let added = 0;
      let settled = 0;
      for (const one of steps) {
        if (one.kind === 'add') {
          queue.add(added, one.priority, one.bytes);
          added += 1;
        } else {
          const taken = queue.take(one.count, 100);
          const order = taken.map((waiting) => waiting.item);
          assert.deepEqual(
            order,
            [...order].sort((a, b) => a - b),
          );
          if (one.fails) queue.putBack(taken);
          else settled += taken.length;
        }
        const [important, other, scans] = queue.dropped;
        assert.equal(queue.size + settled + important + other + scans, added);
        assert.ok(queue.size <= maxSpans && queue.bytes <= 300);
      }
      assert.equal(queue.take(1_000, Infinity).length + settled + queue.dropped.reduce((a, b) => a + b, 0), added);
      assert.deepEqual([queue.size, queue.bytes], [0, 0]);
    }),
  );
});

test('an outage longer than the queue costs scans first, then old commands, never a login; all of it is counted and said', async () => {
  const counters = await withRig({ queue: { maxSpans: 100, maxBytes: 1e9 } }, async ({ sink, exporter, logs }) => {
    await sink.refuse();
    exporter.accept(singleSpans(20, 0, 0), RESOURCE);
    exporter.accept(singleSpans(70, 1, 1_000), RESOURCE);
    exporter.accept(singleSpans(50, 2, 2_000), RESOURCE);
    await logs.line(/cannot export/);
    exporter.accept(singleSpans(40, 1, 3_000), RESOURCE);
    assertBalanced(exporter.counters);
    await sink.listen();
    await sink.spans(100);
    assert.match(
      await logs.line(/queue is full/),
      /the export queue is full \(\d+ spans\).*: the oldest that matter least are dropped/,
    );
    assert.equal(sink.kept.filter((span) => Number.parseInt(span.traceId.slice(16), 16) <= 20).length, 20);
  });
  assert.deepEqual([counters.exported, ...counters.dropped], [100, 0, 30, 50]);
});

test('the line at recovery tells what was dropped while the collector was away', async () => {
  await withRig({ queue: { maxSpans: 10, maxBytes: 1e9 } }, async ({ sink, exporter, logs }) => {
    await sink.refuse();
    exporter.accept(singleSpans(5, 1), RESOURCE);
    await logs.line(/cannot export/);
    exporter.accept(singleSpans(5, 2, 100), RESOURCE);
    exporter.accept(singleSpans(7, 1, 200), RESOURCE);
    await logs.line(/queue is full .* while the collector is away/);
    await sink.listen();
    assert.match(
      await logs.line(/works again/),
      /10 sent, 0 spans wait, 7 dropped \(5 of connections that never authenticated, 2 ordinary, 0 important\)$/,
    );
  });
});

test('a replay that waits for room loses nothing, however small the queue', async () => {
  const options = { queue: { maxSpans: 50, maxBytes: 1e9 }, batch: { maxSpans: 20, maxBytes: 1e9, delayMs: 1 } };
  const counters = await withRig(options, async ({ sink, exporter }) => {
    for (let round = 0; round < 50; round += 1) {
      exporter.accept(singleSpans(20, 1, round * 20), RESOURCE);
      await exporter.room();
    }
    await sink.spans(1_000);
  });
  assert.deepEqual([counters.exported, ...counters.dropped], [1_000, 0, 0, 0]);
});

test('pauses double up to the limit, with a quarter of jitter either way', () => {
  const backoff = { initialMs: 1_000, maxMs: 30_000, slowMs: 60_000 };
  const normal = { kind: 'retry', pace: 'normal', reason: '' } as const;
  const series = [1, 2, 3, 5, 6, 50].map((failures) => pauseMs(backoff, normal, failures, 0.5));
  assert.deepEqual(series, [1_000, 2_000, 4_000, 16_000, 30_000, 30_000]);
  assert.deepEqual([pauseMs(backoff, normal, 1, 0), pauseMs(backoff, normal, 1, 1)], [750, 1_250]);
  assert.equal(pauseMs(backoff, { ...normal, pace: 'slow' }, 1, 0.5), 60_000);
  assert.equal(pauseMs(backoff, { ...normal, pace: 'at-once' }, 1, 0.5), 0);
  assert.equal(pauseMs(backoff, { ...normal, retryAfterMs: 90_000 }, 1, 0.5), 90_000);
  assert.equal(pauseMs(backoff, { ...normal, retryAfterMs: 10 }, 1, 0.5), 1_000);
});

test('Retry-After is read as seconds or date, and bounded', () => {
  const now = Date.parse('2026-11-24T10:00:00Z');
  assert.equal(parseRetryAfterMs('7', now), 7_000);
  assert.equal(parseRetryAfterMs('Tue, 24 Nov 2026 10:00:30 GMT', now), 30_000);
  assert.equal(parseRetryAfterMs('Tue, 24 Nov 2026 09:00:00 GMT', now), undefined);
  assert.equal(parseRetryAfterMs('999999999', now), 3_600_000);
  for (const useless of [undefined, '', '0', 'soon', '-3']) assert.equal(parseRetryAfterMs(useless, now), undefined);
});
