/** What can be set of metrics and of the agent's own health. */
import { z } from 'zod';
import type { SettingSpec } from './setting.ts';
import { url, whole } from './settings-export.ts';

export const METRICS_SETTINGS = {
  'metrics.exporter': {
    schema: z.enum(['none', 'otlp', 'prometheus', 'otlp,prometheus']),
    expected: 'none, otlp, prometheus or otlp,prometheus',
    fallback: 'none',
    env: ['OTEL_METRICS_EXPORTER'],
    reload: false,
    help: 'otlp: sent with the encoding, headers, certificates, time-out and compression of the export, unless OTEL_EXPORTER_OTLP_METRICS_* say otherwise; prometheus: served on loopback',
  },
  'metrics.endpoint': {
    schema: url,
    expected: 'a URL that begins with http:// or https://',
    fallbackText: 'export.endpoint and /v1/metrics',
    env: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'],
    reload: true,
    secret: 'url',
    help: 'whole URL for metrics, used as it is',
  },
  'metrics.intervalMs': {
    ...whole(100, 86_400_000),
    fallback: 60_000,
    env: ['OTEL_METRIC_EXPORT_INTERVAL'],
    reload: true,
    help: 'ms between two requests with metrics',
  },
  'metrics.prometheusPort': {
    ...whole(0, 65_535),
    fallback: 9464,
    env: ['OTEL_EXPORTER_PROMETHEUS_PORT'],
    reload: false,
    help: 'port on 127.0.0.1 where /metrics is served; 0: any free one, which the log names',
  },
} as const satisfies Record<string, SettingSpec>;
