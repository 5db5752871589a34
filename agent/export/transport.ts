import type { Agent as HttpAgent } from 'node:http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { createHttpAgent, exporterConfig } from './exporter-config.ts';
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

/** The official OTLP exporter behind one promise that tells what really happened. */
export function createTransport(options: TransportOptions): Transport {
  const agent = createHttpAgent(options);
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
  // Our own time-out comes first, and says what happened.
  const config = exporterConfig(options, agent, options.version, options.timeoutMs + 1_000);
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
