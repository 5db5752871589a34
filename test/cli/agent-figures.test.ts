import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agentFigures } from '../../agent/cli/agent-figures.ts';
import { healthOf } from '../../agent/cli/health-report.ts';
import type { ExportCounters } from '../../agent/export/span-export.ts';
import { METRIC_NAMES, metricSpec } from '../../agent/metrics/metrics.ts';
import type { PipelineCounters } from '../../agent/pipeline.ts';
import { Pipeline } from '../../agent/pipeline.ts';

const idle: PipelineCounters = new Pipeline({
  hostKey: new Uint8Array(32),
  agentVersion: '1',
  redactor: {} as never,
}).counters;

const busy: PipelineCounters = {
  ...idle,
  decode: { ...idle.decode, records: 100, missing: 3, late: 2, rejected: { ...idle.decode.rejected, 'not-json': 4 } },
  announcedLost: 5,
  spans: 20,
  held: 6,
  summarized: { connections: 30, summaries: 8 },
};

const exported: ExportCounters = {
  received: 20,
  recovered: 0,
  lostHeld: 0,
  unsampled: 0,
  invalid: 1,
  exported: 7,
  refused: 2,
  dropped: [1, 2, 3],
  late: 1,
  kept: 0,
  queued: 2,
  onDisk: 0,
  inFlight: 1,
  queuedBytes: 999,
  requests: 9,
  failures: 4,
};

/** Name and attributes to value. */
function table(...args: Parameters<typeof agentFigures>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    agentFigures(...args).map(({ name, attributes, value }) => [[name, ...Object.values(attributes)].join(' '), value]),
  );
}

describe('figures of the agent', () => {
  test('each counter is told once, under its own name', () => {
    assert.deepEqual(table(busy, exported), {
      'sshd_otel.events.received': 100,
      'sshd_otel.events.lost announced': 5,
      'sshd_otel.events.lost gap': 3,
      'sshd_otel.events.late': 2,
      'sshd_otel.events.rejected': 4,
      'sshd_otel.spans.made': 20,
      'sshd_otel.spans.held': 6,
      'sshd_otel.connections.summarized': 30,
      'sshd_otel.summaries': 8,
      'sshd_otel.spans.exported': 7,
      'sshd_otel.spans.dropped refused': 2,
      'sshd_otel.spans.dropped queue': 6,
      'sshd_otel.spans.dropped invalid': 1,
      'sshd_otel.spans.dropped time': 1,
      'sshd_otel.spans.queued': 3,
      'sshd_otel.spans.queued_size': 999,
      'sshd_otel.export.requests': 9,
      'sshd_otel.export.failures': 4,
    });
  });

  test('every metric of the agent is told, with attributes of its row only', () => {
    const told = agentFigures(busy, exported);
    const own = METRIC_NAMES.filter((name) => name.startsWith('sshd_otel.'));
    assert.deepEqual(new Set(told.map(({ name }) => name)), new Set(own));
    for (const { name, attributes } of told)
      for (const key of Object.keys(attributes)) assert.ok(metricSpec(name).attributes.includes(key), name);
  });

  test('without an export nothing is said of one', () => {
    assert.ok(Object.keys(table(idle, undefined)).every((key) => !/exported|queued|dropped|export\./.test(key)));
  });

  test('health tells losses of both kinds, and what was dropped for any reason', () => {
    const report = healthOf({ tracing: true, counters: busy }, 'alive', exported);
    assert.deepEqual([report.eventsLost, report.dropped, report.queued, report.exported], [8, 10, 3, 7]);
  });
});
