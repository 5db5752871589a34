/**
 * Metrics as the text that Prometheus reads (exposition format 0.0.4). Names get the suffixes that a collector would give
 * them on the way from OTLP to Prometheus (specification, compatibility/prometheus_and_openmetrics.md), so that queries fit
 * both ways; the official exporter leaves the unit away.
 */
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const UNITS: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

type Labels = Readonly<Record<string, unknown>>;

/** The whole page; ends with a line feed. */
export function prometheusText({ resource, scopeMetrics }: ResourceMetrics): string {
  const blocks = scopeMetrics.flatMap(({ metrics }) => metrics.map(block));
  const target = ['# HELP target_info Of the host and the agent', '# TYPE target_info gauge'];
  return `${[...target, sample('target_info', resource.attributes, 1), ...blocks.flat()].join('\n')}\n`;
}

function block(metric: MetricData): string[] {
  const monotonic = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
  const { name, unit, description } = metric.descriptor;
  const full = `${nameOf(name)}${UNITS[unit] ?? ''}${monotonic ? '_total' : ''}`;
  const kind = metric.dataPointType === DataPointType.HISTOGRAM ? 'histogram' : monotonic ? 'counter' : 'gauge';
  const head = [`# HELP ${full} ${escapeHelp(description)}`, `# TYPE ${full} ${kind}`];
  if (metric.dataPointType === DataPointType.HISTOGRAM)
    return [
      ...head,
      ...metric.dataPoints.flatMap(({ attributes, value }) => {
        const { boundaries, counts } = value.buckets;
        let sum = 0;
        const buckets = counts.map((count, i) => {
          sum += count;
          return sample(`${full}_bucket`, { ...attributes, le: String(boundaries[i] ?? '+Inf') }, sum);
        });
        return [
          ...buckets,
          sample(`${full}_sum`, attributes, value.sum ?? 0),
          sample(`${full}_count`, attributes, value.count),
        ];
      }),
    ];
  if (metric.dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM) return [];
  return [...head, ...metric.dataPoints.map(({ attributes, value }) => sample(full, attributes, value))];
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, each]) => `${nameOf(key)}="${escapeLabel(String(each))}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function nameOf(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
