import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSampling } from '../../agent/export/sampling.ts';
import { RESOURCE, spanRecord, traceIdOf, traceOf, withRig } from '../helpers/export-fixtures.ts';

test('a ratio takes whole traces or nothing of them, about as many as asked, and counts the rest', async () => {
  const traces = 400;
  let sampled = 0;
  const counters = await withRig({ sampler: { kind: 'traceidratio', ratio: 0.25 } }, async ({ sink, exporter }) => {
    for (let number = 0; number < traces; number += 1) exporter.accept(traceOf(number, 5), RESOURCE);
    sampled = (exporter.counters.received - exporter.counters.unsampled) / 5;
    await sink.spans(sampled * 5);
    sink.check();
    const sizes = [...Map.groupBy(sink.kept, (span) => span.traceId).values()].map((members) => members.length);
    assert.deepEqual(new Set(sizes), new Set([5]));
    assert.equal(sizes.length, sampled);
  });
  assert.ok(sampled > traces * 0.15 && sampled < traces * 0.35, `${sampled} of ${traces}`);
  assert.equal(counters.exported, sampled * 5);
  assert.equal(counters.unsampled, (traces - sampled) * 5);
});

test('the segments of a connection, traces of their own, share its fate', () => {
  const isSampled = createSampling({ kind: 'traceidratio', ratio: 0.5 });
  for (let connection = 0; connection < 50; connection += 1) {
    const attributes = { 'ssh.connection.id': traceIdOf(connection) };
    const fate = isSampled(spanRecord({ traceId: traceIdOf(connection), attributes }));
    for (let segment = 1_000; segment < 1_020; segment += 1) {
      assert.equal(isSampled(spanRecord({ traceId: traceIdOf(segment), attributes })), fate);
    }
  }
});

test('a ratio of one takes every trace, also the one whose id is all ones', () => {
  const isSampled = createSampling({ kind: 'traceidratio', ratio: 1 });
  assert.equal(isSampled(spanRecord({ traceId: 'ffffffff000000000000000000000000' })), true);
});

test('a remote flag that says “not sampled” does not silence a session', async () => {
  // The SDK's default sampler, parent-based, exports none of these.
  const links = [{ traceId: traceIdOf(3), spanId: '00f067aa0ba902b7', remote: true, attributes: {} }];
  await withRig({}, async ({ sink, exporter }) => {
    exporter.accept([spanRecord({ parentSpanId: '00f067aa0ba902b8', links })], RESOURCE);
    await sink.spans(1);
  });
});

test('always_off sends nothing and counts everything', async () => {
  const counters = await withRig({ sampler: { kind: 'always_off', ratio: 1 } }, async ({ exporter }) => {
    exporter.accept(traceOf(0, 10), RESOURCE);
  });
  assert.deepEqual([counters.received, counters.unsampled, counters.requests], [10, 10, 0]);
});
