import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { ExportOptions } from './options.ts';
import { RequestWatch } from './request-watch.ts';
import { outcomeOfAnswer, outcomeOfError, type SendOutcome } from './send-outcome.ts';

/** Sends one batch in one request, once. */
export interface Transport {
  /** Never rejects. One call at a time. */
  send(spans: readonly ReadableSpan[]): Promise<SendOutcome>;
  /** Gives the request under way up, and any later one; `send` resolves soon. */
  abort(reason: string): void;
  close(): void;
}

type TransportOptions = Pick<
  ExportOptions,
  'url' | 'protocol' | 'headers' | 'timeoutMs' | 'compression' | 'tls' | 'version'
>;

/**
 * The official OTLP exporter behind one promise that tells what really happened.
 *
 * The agent is our own, which also means that the certificates are ours to set: any `httpAgentOptions` makes the exporter
 * forget those of the environment (otlp-exporter-base 0.223), and by itself it ignores a file that it cannot read.
 */
export function createTransport(options: TransportOptions): Transport {
  const secure = options.url.startsWith('https:');
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1, ...tlsOptions(options) })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const watch = new RequestWatch(agent);
  let exporter: SpanExporter | undefined;
  let aborted: string | undefined;

  async function send(spans: readonly ReadableSpan[]): Promise<SendOutcome> {
    try {
      exporter ??= await createExporter(options, agent);
    } catch {
      const reason = 'http/protobuf needs the optional package @opentelemetry/exporter-trace-otlp-proto';
      return { kind: 'retry', pace: 'slow', reason };
    }
    if (aborted !== undefined) return { kind: 'retry', pace: 'normal', reason: aborted };
    const seen = watch.begin();
    // The exporter's time-out counts from the last byte, so a collector that drips would hold it for ever.
    const deadline = setTimeout(() => watch.abort(`no answer within ${options.timeoutMs} ms`), options.timeoutMs);
    const result = await exportOnce(exporter, [...spans]);
    clearTimeout(deadline);
    if (seen.answer) return outcomeOfAnswer(seen.answer);
    if (seen.error) return outcomeOfError(seen.error);
    if (result.kind === 'done') return { kind: 'accepted', rejected: 0 };
    // The spans could not be encoded, which is theirs to answer for, one by one.
    if (result.kind === 'threw') return { kind: 'refused', reason: result.reason };
    return { kind: 'retry', pace: 'normal', reason: result.reason };
  }

  return {
    send,
    abort: (reason) => {
      aborted = reason;
      watch.abort(reason);
    },
    close: () => {
      watch.close();
      agent.destroy();
    },
  };
}

async function createExporter(options: TransportOptions, agent: HttpAgent): Promise<SpanExporter> {
  const config = {
    url: options.url,
    headers: { ...options.headers },
    // Ours comes first, and says what happened.
    timeoutMillis: options.timeoutMs + 1_000,
    // Structurally the exporter's CompressionAlgorithm, an enum that this package does not export.
    compression: options.compression as never,
    httpAgentOptions: () => agent,
    userAgent: `sshd-otel/${options.version}`,
  };
  if (options.protocol === 'http/json') return new OTLPTraceExporter(config);
  const proto = await loadProtobuf();
  return new proto.OTLPTraceExporter(config);
}

/** Loads what `options` will need, for an agent that may not be able to read its own program later. */
export async function preloadTransport(options: Pick<TransportOptions, 'protocol'>): Promise<void> {
  if (options.protocol === 'http/protobuf') await loadProtobuf();
}

function loadProtobuf() {
  return import('@opentelemetry/exporter-trace-otlp-proto');
}

/** What the exporter itself makes of it: less than what was seen on the way. */
type ExporterResult = { readonly kind: 'done' } | { readonly kind: 'failed' | 'threw'; readonly reason: string };

function exportOnce(exporter: SpanExporter, spans: ReadableSpan[]): Promise<ExporterResult> {
  return new Promise((resolve) => {
    try {
      exporter.export(spans, (result) => {
        resolve(result.code === 0 ? { kind: 'done' } : { kind: 'failed', reason: String(result.error?.message) });
      });
    } catch (error) {
      resolve({ kind: 'threw', reason: error instanceof Error ? error.message : String(error) });
    }
  });
}

function tlsOptions(options: TransportOptions): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const { ca, cert, key } = options.tls;
  return {
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
}
