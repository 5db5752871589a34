/** How the agent itself does, as measurements. */
import type { ExportCounters } from '../export/span-export.ts';
import { METRIC_ATTR, type Measurement, type MetricName } from '../metrics/metrics.ts';
import type { PipelineCounters } from '../pipeline.ts';

/** Counts since the start and what there is now. @param exported absent: nothing is exported */
export function agentFigures(pipeline: PipelineCounters, exported: ExportCounters | undefined): Measurement[] {
  const { decode, announcedLost } = pipeline;
  const figures = [
    figure('sshd_otel.events.received', decode.records),
    figure('sshd_otel.events.lost', announcedLost, { [METRIC_ATTR.reason]: 'announced' }),
    figure('sshd_otel.events.lost', decode.missing, { [METRIC_ATTR.reason]: 'gap' }),
    figure('sshd_otel.events.late', decode.late),
    figure('sshd_otel.events.rejected', sum(Object.values(decode.rejected))),
    figure('sshd_otel.spans.made', pipeline.spans),
    figure('sshd_otel.spans.held', pipeline.held),
    figure('sshd_otel.connections.summarized', pipeline.summarized.connections),
    figure('sshd_otel.summaries', pipeline.summarized.summaries),
  ];
  if (exported === undefined) return figures;
  const dropped = (reason: string, value: number): Measurement =>
    figure('sshd_otel.spans.dropped', value, { [METRIC_ATTR.reason]: reason });
  return [
    ...figures,
    figure('sshd_otel.spans.exported', exported.exported),
    dropped('refused', exported.refused),
    dropped('queue', sum(exported.dropped)),
    dropped('invalid', exported.invalid),
    dropped('time', exported.late),
    figure('sshd_otel.spans.queued', exported.queued + exported.inFlight),
    figure('sshd_otel.spans.queued_size', exported.queuedBytes),
    figure('sshd_otel.export.requests', exported.requests),
    figure('sshd_otel.export.failures', exported.failures),
  ];
}

function figure(name: MetricName, value: number, attributes: Readonly<Record<string, string>> = {}): Measurement {
  return { name, value, attributes };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
