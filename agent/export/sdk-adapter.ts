import {
  createTraceState,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import type { AttributeValue, ResourceRecord, SpanLink, SpanRecord } from '../span/span-record.ts';
import type { ExportOptions } from './options.ts';

const SCOPE = 'sshd-otel';
const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.44.0';
const NS_PER_S = 1_000_000_000n;
/** More resources than one agent ever has: one per traced server. Beyond, the oldest tracer is made again. */
const MAX_RESOURCES = 64;

type Tracer = ReturnType<NodeTracerProvider['getTracer']>;
type AdapterOptions = Pick<ExportOptions, 'limits' | 'version' | 'serviceName' | 'resourceAttributes'>;

/** A record and the resource it belongs to. */
export interface OutgoingSpan {
  readonly record: SpanRecord;
  readonly resource: ResourceRecord;
}

/**
 * Turns our records into spans of the SDK, through the front door: a provider, explicit times, ids handed over by the id
 * generator, and a span processor that collects what ended. Every span is started and ended within one call.
 */
export class SdkAdapter {
  readonly #options: AdapterOptions;
  readonly #tracers = new Map<string, Tracer>();
  /** The same by identity, which spares the comparison of content for all but the first span. */
  readonly #tracerByResource = new WeakMap<ResourceRecord, Tracer>();
  readonly #collector = new Collector();
  #next = { traceId: '', spanId: '' };

  constructor(options: AdapterOptions) {
    this.#options = options;
  }

  /** Same order and number as given, or it throws. Each record must have passed `recordFault`. */
  toSdkSpans(outgoing: readonly OutgoingSpan[]): ReadableSpan[] {
    this.#collector.take();
    for (const { record, resource } of outgoing) this.#translate(record, this.#tracerOf(resource));
    const spans = this.#collector.take().map((span) => this.#wellFormed(span));
    if (spans.length !== outgoing.length) throw new Error(`the SDK made ${spans.length} spans of ${outgoing.length}`);
    return spans;
  }

  #translate(record: SpanRecord, tracer: Tracer): void {
    const { traceId, spanId, parentSpanId } = record;
    this.#next = { traceId, spanId };
    const parent = { traceId, spanId: parentSpanId ?? '', traceFlags: TraceFlags.SAMPLED };
    const context = parentSpanId === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = tracer.startSpan(
      record.name.toWellFormed(),
      {
        kind: record.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
        startTime: toHrTime(record.startNs),
        attributes: toSdkAttributes(record.attributes),
        links: record.links.map(toSdkLink),
      },
      context,
    );
    if (record.status === 'error') {
      const message = record.statusMessage?.toWellFormed();
      span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
    }
    span.end(toHrTime(record.endNs));
  }

  /** The SDK cuts a long value wherever it likes, also between the halves of a surrogate pair. */
  #wellFormed(span: ReadableSpan): ReadableSpan {
    if (this.#options.limits.attributeValueLength === Infinity) return span;
    for (const attributes of [span.attributes, ...span.links.map((link) => link.attributes ?? {})]) {
      for (const [key, value] of Object.entries(attributes)) {
        if (typeof value === 'string') attributes[key] = value.toWellFormed();
        else if (Array.isArray(value)) {
          attributes[key] = value.map((element) =>
            typeof element === 'string' ? element.toWellFormed() : element,
          ) as string[];
        }
      }
    }
    return span;
  }

  /** The encoder groups spans by the identity of their resource, so each distinct one exists once. */
  #tracerOf(resource: ResourceRecord): Tracer {
    const same = this.#tracerByResource.get(resource);
    if (same) return same;
    const key = JSON.stringify(Object.entries(resource.attributes).sort());
    const tracer = this.#tracers.get(key) ?? this.#createTracer(resource);
    const [oldest] = this.#tracers.keys();
    if (oldest !== undefined && this.#tracers.size >= MAX_RESOURCES) this.#tracers.delete(oldest);
    this.#tracers.set(key, tracer);
    this.#tracerByResource.set(resource, tracer);
    return tracer;
  }

  #createTracer(resource: ResourceRecord): Tracer {
    const { limits, version, serviceName, resourceAttributes } = this.#options;
    const attributes = {
      ...resource.attributes,
      ...resourceAttributes,
      ...(serviceName !== undefined && { 'service.name': serviceName }),
    };
    const provider = new NodeTracerProvider({
      resource: defaultResource().merge(resourceFromAttributes(toSdkAttributes(attributes))),
      // Whether a trace is sent was decided at the door; the SDK's own default would listen to a client's flag.
      sampler: new AlwaysOnSampler(),
      spanProcessors: [this.#collector],
      idGenerator: {
        generateTraceId: () => this.#next.traceId,
        generateSpanId: () => this.#next.spanId,
      },
      spanLimits: {
        attributeCountLimit: limits.attributeCount,
        attributeValueLengthLimit: limits.attributeValueLength,
        linkCountLimit: limits.linkCount,
        attributePerLinkCountLimit: limits.attributePerLinkCount,
      },
    });
    return provider.getTracer(SCOPE, version, { schemaUrl: SCHEMA_URL });
  }
}

/** Our span processor: keeps what ended until it is taken. */
class Collector implements SpanProcessor {
  #ended: ReadableSpan[] = [];

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.#ended.push(span);
  }

  take(): ReadableSpan[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

/**
 * Why a record cannot become a span, or undefined. The SDK would mend each of these in silence: a new root for a parent it
 * does not understand, zero duration for an end before the start.
 */
export function recordFault(record: SpanRecord): string | undefined {
  if (!isId(record.traceId, 32)) return 'trace id';
  if (!isId(record.spanId, 16)) return 'span id';
  if (record.parentSpanId !== undefined && !isId(record.parentSpanId, 16)) return 'parent span id';
  if (record.startNs < 0n) return 'start before 1970';
  if (record.endNs < record.startNs) return 'end before start';
  if (record.endNs >= 2n ** 63n) return 'end after 2262';
  return undefined;
}

function isId(id: string, digits: number): boolean {
  return id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id);
}

/** The SDK takes a bigint without complaint and uses the present instead. */
function toHrTime(ns: bigint): HrTime {
  return [Number(ns / NS_PER_S), Number(ns % NS_PER_S)];
}

function toSdkLink(link: SpanLink): Link {
  const traceState = link.traceState === undefined ? undefined : createTraceState(link.traceState);
  return {
    context: {
      traceId: link.traceId,
      spanId: link.spanId,
      traceFlags: link.remote ? TraceFlags.NONE : TraceFlags.SAMPLED,
      isRemote: link.remote,
      ...(traceState && { traceState }),
    },
    attributes: toSdkAttributes(link.attributes),
  };
}

function toSdkAttributes(
  attributes: Readonly<Record<string, AttributeValue>>,
): Record<string, string | number | boolean | string[]> {
  const result: Record<string, string | number | boolean | string[]> = {};
  for (const [key, value] of Object.entries(attributes)) {
    const clean = toSdkValue(value);
    if (clean !== undefined) result[key.toWellFormed()] = clean;
  }
  return result;
}

/**
 * One lone surrogate, NaN or integer beyond 64 bits makes strict receivers refuse the whole request, other people's spans
 * included. Integers above 2^53 are no longer exact and go as text; what is no number at all is left out.
 */
function toSdkValue(value: AttributeValue): string | number | boolean | string[] | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'number') return value.map((element) => element.toWellFormed());
  if (!Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? String(BigInt(value)) : value;
}
