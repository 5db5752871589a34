/** What of the standard variables concerns metrics. */
import {
  type Environment,
  ExportConfigError,
  readTransport,
  type TransportOptions,
  VariableReader,
} from './transport-variables.ts';

export interface MetricOptions {
  /** How they are sent, and to where; absent: not by OTLP. */
  readonly otlp?: TransportOptions | undefined;
  /** Between two requests. */
  readonly intervalMs: number;
  /** Of loopback, 0: any free one; absent: nobody can ask. */
  readonly prometheusPort?: number | undefined;
}

/** The port that the specification names. */
const PROMETHEUS_PORT = 9464;

/**
 * Metrics are off unless `OTEL_METRICS_EXPORTER` asks for them.
 * @param readFile reads a certificate; what it throws is reported
 * @throws ExportConfigError with every mistake at once
 */
export function readMetricOptions(environment: Environment, readFile: (path: string) => Uint8Array): MetricOptions {
  const reader = new VariableReader(environment);
  const exporters = reader.value(['OTEL_METRICS_EXPORTER'])?.text ?? 'none';
  const wanted = exporters.split(',').map((each) => each.trim());
  if (!wanted.every((each) => ['otlp', 'prometheus', 'none'].includes(each)))
    reader.problems.push('OTEL_METRICS_EXPORTER: expected otlp, prometheus, both with a comma between, or none');
  const on = reader.value(['OTEL_SDK_DISABLED'])?.text.toLowerCase() !== 'true';
  // Read also where it is not used, so that a mistake is found before it is.
  const { given: _given, ...otlp } = readTransport(reader, 'METRICS', readFile);
  const port = reader.integer(['OTEL_EXPORTER_PROMETHEUS_PORT'], 0, 65_535) ?? PROMETHEUS_PORT;
  const intervalMs = reader.integer(['OTEL_METRIC_EXPORT_INTERVAL'], 100, 86_400_000) ?? 60_000;
  if (reader.problems.length > 0) throw new ExportConfigError(reader.problems);
  return {
    otlp: on && wanted.includes('otlp') ? otlp : undefined,
    intervalMs,
    prometheusPort: on && wanted.includes('prometheus') ? port : undefined,
  };
}
