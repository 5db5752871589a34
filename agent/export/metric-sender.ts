import { isDeepStrictEqual } from 'node:util';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { createHttpAgent, exporterConfig } from './exporter-config.ts';
import type { Log } from './options.ts';
import { printable, printableUrl } from './printable.ts';
import type { TransportOptions } from './transport-variables.ts';

/** What sends one collection of metrics at a time. */
interface Sending {
  readonly exporter: Pick<OTLPMetricExporter, 'export'>;
  readonly close: () => void;
}

/** Sends metrics by OTLP, and says when a collector no longer takes them and when it does again. State changes in `send`. */
export class MetricSender {
  readonly #version: string;
  readonly #log: Log;
  #options: TransportOptions;
  #sending: Promise<Sending> | undefined;
  /** The last request: why it failed. Never rejects. */
  #sent: Promise<string | undefined> = Promise.resolve(undefined);
  #failing = false;

  constructor(options: TransportOptions, version: string, log: Log) {
    this.#options = options;
    this.#version = version;
    this.#log = log;
  }

  /** Sends by other options, from the next request on; one that is under way is not disturbed. The encoding stays. */
  reconfigure(options: TransportOptions): void {
    const next = { ...options, protocol: this.#options.protocol };
    if (isDeepStrictEqual(next, this.#options)) return;
    this.#options = next;
    const old = this.#sending;
    const sent = this.#sent;
    this.#sending = undefined;
    void old?.then(({ close }) => sent.then(close), ignore);
  }

  /** Never rejects. Call it again when it has resolved. */
  async send(metrics: ResourceMetrics): Promise<void> {
    const where = printableUrl(this.#options.url);
    this.#sending ??= createSending(this.#options, this.#version);
    this.#sent = this.#sending.then(
      ({ exporter }) => exportOnce(exporter, metrics),
      () => 'http/protobuf needs the optional package @opentelemetry/exporter-metrics-otlp-proto',
    );
    const failure = await this.#sent;
    const failed = failure !== undefined;
    if (failed === this.#failing) return;
    this.#failing = failed;
    if (failed) this.#log('warn', `${where} does not take metrics: ${printable(failure)}`);
    else this.#log('info', `${where} takes metrics again`);
  }

  close(): void {
    void this.#sending?.then(({ close }) => close(), ignore);
  }
}

/** Loads what `options` will need, for an agent that may not be able to read its own program later. */
export async function preloadMetricSender(options: TransportOptions | undefined): Promise<void> {
  if (options?.protocol === 'http/protobuf') await loadProtobuf();
}

function loadProtobuf() {
  return import('@opentelemetry/exporter-metrics-otlp-proto');
}

/** Why it failed; undefined: it did not. */
function exportOnce(exporter: Sending['exporter'], metrics: ResourceMetrics): Promise<string | undefined> {
  return new Promise((resolve) => {
    exporter.export(metrics, ({ code, error }) =>
      resolve(code === 0 ? undefined : (error?.message ?? 'unknown error')),
    );
  });
}

async function createSending(options: TransportOptions, version: string): Promise<Sending> {
  const agent = createHttpAgent(options);
  const config = exporterConfig(options, agent, version, options.timeoutMs);
  const exporter =
    options.protocol === 'http/json'
      ? new OTLPMetricExporter(config)
      : new (await loadProtobuf()).OTLPMetricExporter(config);
  return { exporter, close: () => agent.destroy() };
}

function ignore(): void {
  // Said when it was tried.
}
