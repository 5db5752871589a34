/** What of the standard variables concerns metrics. Headers, certificates and the rest are those of the traces. */
import { type Environment, ExportConfigError } from './environment.ts';
import type { ExportOptions } from './options.ts';

export interface MetricOptions {
  /** Whole URL; absent: not sent. */
  readonly url?: string | undefined;
  /** Between two requests. */
  readonly intervalMs: number;
  /** Of loopback, 0: any free one; absent: nobody can ask. */
  readonly prometheusPort?: number | undefined;
}

/** The port that the specification names. */
const PROMETHEUS_PORT = 9464;
const BASE_URL = 'http://localhost:4318';

/**
 * Metrics are off unless `OTEL_METRICS_EXPORTER` asks for them.
 * @throws ExportConfigError with every mistake at once
 */
export function readMetricOptions(environment: Environment): MetricOptions {
  const value = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  const problems: string[] = [];
  const integer = (name: string, least: number, most: number, fallback: number): number => {
    const text = value(name);
    if (text === undefined) return fallback;
    if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    problems.push(`${name}: expected a whole number from ${least} to ${most}`);
    return fallback;
  };
  const wanted = (value('OTEL_METRICS_EXPORTER') ?? 'none').split(',').map((each) => each.trim());
  if (!wanted.every((each) => ['otlp', 'prometheus', 'none'].includes(each)))
    problems.push('OTEL_METRICS_EXPORTER: expected otlp, prometheus, both with a comma between, or none');
  const on = value('OTEL_SDK_DISABLED')?.toLowerCase() !== 'true';
  const url = wanted.includes('otlp') ? readUrl(value, problems) : undefined;
  const port = integer('OTEL_EXPORTER_PROMETHEUS_PORT', 0, 65_535, PROMETHEUS_PORT);
  const options: MetricOptions = {
    url: on ? url : undefined,
    intervalMs: integer('OTEL_METRIC_EXPORT_INTERVAL', 100, 86_400_000, 60_000),
    prometheusPort: on && wanted.includes('prometheus') ? port : undefined,
  };
  if (problems.length > 0) throw new ExportConfigError(problems);
  return options;
}

function readUrl(value: (name: string) => string | undefined, problems: string[]): string | undefined {
  const own = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT';
  const shared = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const name = value(own) === undefined ? shared : own;
  const text = value(name) ?? BASE_URL;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    // Of the shared one the traces say so already.
    if (name === own) problems.push(`${name}: expected a URL that begins with http:// or https://`);
    return undefined;
  }
  const url = new URL(text);
  if (name === shared) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/metrics`;
  return url.href;
}

/** How metrics are sent, and to where. */
export type MetricTransportOptions = Pick<ExportOptions, 'headers' | 'timeoutMs' | 'compression' | 'tls' | 'version'>;
