import { type Attributes, ValueType } from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { METRIC_NAMES, type Measurement, type MetricName, metricSpec } from '../metrics/metrics.ts';
import type { ResourceRecord } from '../span/span-record.ts';
import type { MetricOptions } from './metric-options.ts';
import { MetricSender } from './metric-sender.ts';
import type { ExportOptions, Log } from './options.ts';
import { printable } from './printable.ts';
import { PrometheusEndpoint } from './prometheus-endpoint.ts';
import { prometheusText } from './prometheus-text.ts';

const SCOPE = 'sshd-otel';

/** What metrics have in common with spans. */
type SharedOptions = Pick<ExportOptions, 'version' | 'serviceName' | 'resourceAttributes'>;

/** Asked whenever metrics are collected: all levels, and counts since the start. */
export type Observe = () => readonly Measurement[];

/**
 * Measurements in, OTLP and Prometheus out. All sums are cumulative, so that a request that fails loses nothing: the next
 * one says it all. State changes in `record`.
 */
export class MetricExport {
  readonly #options: MetricOptions;
  readonly #shared: SharedOptions;
  readonly #log: Log;
  readonly #reader = new Reader();
  readonly #recorders = new Map<MetricName, (value: number, attributes: Attributes) => void>();
  readonly #sender: MetricSender | undefined;
  readonly #endpoint: PrometheusEndpoint | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #resource: () => ResourceRecord;
  #intervalMs = 0;
  #sending: Promise<void> | undefined;
  #closed = false;

  /**
   * @param observe tells what is not recorded piece by piece
   * @param resource whose metrics these are now
   */
  constructor(
    options: MetricOptions,
    shared: SharedOptions,
    observe: Observe,
    resource: () => ResourceRecord,
    log: Log,
  ) {
    this.#options = options;
    this.#shared = shared;
    this.#log = log;
    this.#resource = resource;
    this.#createInstruments(observe);
    if (options.otlp !== undefined) {
      this.#sender = new MetricSender(options.otlp, shared.version, log);
      this.#beat(options.intervalMs);
    }
    if (options.prometheusPort !== undefined)
      this.#endpoint = new PrometheusEndpoint(async () => prometheusText(await this.#collect()));
  }

  /** Opens the endpoint if one is wanted. A port that is taken is said, and no reason to stop. */
  async start(): Promise<void> {
    const { prometheusPort } = this.#options;
    if (this.#endpoint === undefined || prometheusPort === undefined) return;
    try {
      this.#log('info', `metrics can be had at ${await this.#endpoint.listen(prometheusPort)}`);
    } catch (error) {
      const why = error instanceof Error ? printable(error.message) : 'unknown error';
      this.#log('warn', `no metrics for Prometheus: ${why}`);
    }
  }

  /** Endpoint, headers, certificates and interval, from now on. What is served to Prometheus stays as it is. */
  reconfigure({ otlp, intervalMs }: MetricOptions): void {
    if (otlp === undefined || this.#sender === undefined || this.#closed) return;
    this.#sender.reconfigure(otlp);
    if (intervalMs === this.#intervalMs) return;
    clearInterval(this.#timer);
    this.#beat(intervalMs);
  }

  record({ name, value, attributes }: Measurement): void {
    this.#recorders.get(name)?.(value, attributes);
  }

  /** Says all once more, for `deadlineMs` at most. Never rejects. */
  async shutdown(deadlineMs: number): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    const last = async (): Promise<void> => {
      await this.#sending;
      await this.#send();
    };
    await Promise.race([last(), late]);
    clearTimeout(timer);
    this.#endpoint?.close();
    this.#sender?.close();
  }

  #beat(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#timer = setInterval(() => void this.#send(), intervalMs);
    this.#timer.unref();
  }

  #createInstruments(observe: Observe): void {
    const { version } = this.#shared;
    const meter = new MeterProvider({ readers: [this.#reader] }).getMeter(SCOPE, version);
    for (const name of METRIC_NAMES) {
      const { kind, unit, help: description, buckets } = metricSpec(name);
      if (kind === 'histogram') {
        const advice = buckets === undefined ? {} : { explicitBucketBoundaries: [...buckets] };
        const histogram = meter.createHistogram(name, { unit, description, advice });
        this.#recorders.set(name, (value, attributes) => histogram.record(value, attributes));
      } else if (kind === 'counter' && !name.startsWith('sshd_otel.')) {
        const counter = meter.createCounter(name, { unit, description, valueType: ValueType.INT });
        this.#recorders.set(name, (value, attributes) => counter.add(value, attributes));
      } else {
        const options = { unit, description, valueType: ValueType.INT };
        const observed =
          kind === 'counter'
            ? meter.createObservableCounter(name, options)
            : meter.createObservableUpDownCounter(name, options);
        observed.addCallback((result) => {
          for (const each of observe()) if (each.name === name) result.observe(each.value, each.attributes);
        });
      }
    }
  }

  async #collect(): Promise<ResourceMetrics> {
    const { resourceMetrics } = await this.#reader.collect();
    const { serviceName, resourceAttributes } = this.#shared;
    const attributes = {
      ...this.#resource().attributes,
      ...resourceAttributes,
      ...(serviceName !== undefined && { 'service.name': serviceName }),
    };
    const resource = defaultResource().merge(resourceFromAttributes(attributes as Attributes));
    return { ...resourceMetrics, resource };
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendOnce().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendOnce(): Promise<void> {
    if (this.#sender !== undefined) await this.#sender.send(await this.#collect());
  }
}

/** Collects when it is asked to, and only then. */
class Reader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}
