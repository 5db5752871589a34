import { createRequire } from 'node:module';

/** Strict decoding of OTLP trace requests by the official schema (the last release of the SDK that carried it generated). */

/** As much of a generated message class as is used here; the package has no types for them. */
interface Codec<T> {
  decode(bytes: Uint8Array): T;
  encode(message: T): { finish(): Uint8Array };
  fromObject(plain: object): T;
  toObject(message: T, options: object): T;
}

interface Value {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number | null;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

export interface KeyValue {
  readonly key: string;
  readonly value?: Value;
}

interface Link {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly traceState: string;
  readonly flags: number;
  readonly attributes: readonly KeyValue[];
}

interface Span extends Link {
  readonly parentSpanId: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links: readonly Link[];
  readonly status: { readonly code: number; readonly message: string } | null;
  readonly droppedAttributesCount: number;
  readonly droppedLinksCount: number;
}

interface TraceRequest {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name: string; readonly version: string };
      readonly spans?: readonly Span[];
    }[];
  }[];
}

const { proto } = createRequire(import.meta.url)('otlp-schema/build/src/generated/root.js').opentelemetry;
const spanCodec: Codec<Span> = proto.trace.v1.Span;
const requestCodec: Codec<TraceRequest> = proto.collector.trace.v1.ExportTraceServiceRequest;

export type SinkValue = string | number | boolean | bigint | readonly SinkValue[];
export type SinkAttributes = Readonly<Record<string, SinkValue>>;

export interface SinkLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly attributes: SinkAttributes;
}

/** A span as a back end reads it. */
export interface SinkSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Absent: a root. */
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  /** `SpanKind` of the schema: 1 internal, 2 server. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: SinkAttributes;
  readonly links: readonly SinkLink[];
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly statusMessage: string;
  readonly flags: number;
  readonly droppedAttributes: number;
  readonly droppedLinks: number;
  readonly resource: SinkAttributes;
  readonly scope: string;
  /** Encoded as protobuf. */
  readonly bytes: number;
}

export interface DecodedRequest {
  readonly spans: readonly SinkSpan[];
  /** What a strict receiver would refuse. */
  readonly problems: readonly string[];
}

/** Throws on what is not OTLP at all. */
export function decodeRequest(body: Uint8Array, contentType: string): DecodedRequest {
  if (contentType === 'application/x-protobuf') return fromMessage(requestCodec.decode(body), []);
  if (contentType !== 'application/json') throw new Error(`content type ${contentType}`);
  const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  const problems: string[] = [];
  const given = withBinaryIds(json, '', problems);
  const message = requestCodec.fromObject(Object(given));
  compare(given, requestCodec.toObject(message, { longs: String, bytes: String }), '', problems);
  return fromMessage(message, problems);
}

function fromMessage(message: TraceRequest, problems: string[]): DecodedRequest {
  const spans: SinkSpan[] = [];
  for (const { resource, scopeSpans } of message.resourceSpans) {
    const resourceAttributes = attributesOf(resource?.attributes ?? [], problems);
    for (const { scope, spans: members } of scopeSpans ?? []) {
      for (const member of members ?? []) {
        const plain = spanCodec.toObject(member, { longs: String, defaults: true });
        const bytes = spanCodec.encode(member).finish().length;
        const scopeName = `${scope?.name}@${scope?.version}`;
        spans.push({ ...spanOf(plain, problems), resource: resourceAttributes, scope: scopeName, bytes });
      }
    }
  }
  return { spans, problems };
}

function spanOf(span: Span, problems: string[]): Omit<SinkSpan, 'resource' | 'scope' | 'bytes'> {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId) || undefined,
    name: span.name,
    kind: span.kind,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes, problems),
    links: span.links.map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      traceState: link.traceState,
      flags: link.flags,
      attributes: attributesOf(link.attributes, problems),
    })),
    status: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? '',
    flags: span.flags,
    droppedAttributes: span.droppedAttributesCount,
    droppedLinks: span.droppedLinksCount,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What goes wrong is added to `problems`. */
export function attributesOf(list: readonly KeyValue[], problems: string[]): SinkAttributes {
  const attributes: Record<string, SinkValue> = {};
  for (const { key, value } of list) {
    if (Object.hasOwn(attributes, key)) problems.push(`attribute ${key} twice`);
    attributes[key] = readValue(value, key, problems);
  }
  return attributes;
}

/** The schema's classes have an empty default on their prototype for every member that was not sent. */
function readValue(value: Value | undefined, key: string, problems: string[]): SinkValue {
  const has = (member: keyof Value) => value !== undefined && Object.hasOwn(value, member);
  if (has('stringValue')) return value?.stringValue ?? '';
  if (has('boolValue')) return value?.boolValue ?? false;
  if (has('doubleValue')) return value?.doubleValue ?? Number.NaN;
  if (has('arrayValue')) return (value?.arrayValue?.values ?? []).map((element) => readValue(element, key, problems));
  if (has('intValue')) {
    const number = BigInt(String(value?.intValue));
    return Number.isSafeInteger(Number(number)) ? Number(number) : number;
  }
  problems.push(`attribute ${key} has no value`);
  return '';
}

const ID_DIGITS: Readonly<Record<string, number>> = { traceId: 32, spanId: 16, parentSpanId: 16 };

/** OTLP/JSON has ids in hex where protobuf's own JSON has base64; the rest is left as it is. Strings are tested in passing. */
function withBinaryIds(value: unknown, path: string, problems: string[]): unknown {
  if (typeof value === 'string' && !value.isWellFormed()) problems.push(`${path}: a lone surrogate`);
  if (Array.isArray(value)) return value.map((element, index) => withBinaryIds(element, `${path}[${index}]`, problems));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const digits = ID_DIGITS[key];
      if (digits === undefined) return [key, withBinaryIds(member, `${path}.${key}`, problems)];
      if (typeof member !== 'string' || !new RegExp(`^[0-9a-f]{${digits}}$`).test(member)) {
        problems.push(`${path}.${key}: not ${digits} lower-case hex digits`);
      }
      return [key, Buffer.from(String(member), 'hex').toString('base64')];
    }),
  );
}

const INT64 = new Set([
  'intValue',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'timeUnixNano',
  'count',
  'asInt',
  'bucketCounts',
]);

/** What went in must have come out: an unknown field or another type did not. */
export function compare(given: unknown, decoded: unknown, path: string, problems: string[]): void {
  if (Array.isArray(given) && Array.isArray(decoded) && given.length === decoded.length) {
    for (const [index, element] of given.entries()) compare(element, decoded[index], `${path}[${index}]`, problems);
  } else if (typeof given === 'object' && given !== null && typeof decoded === 'object' && decoded !== null) {
    for (const [key, member] of Object.entries(given)) {
      const isEmpty = Array.isArray(member) && member.length === 0;
      const inner: unknown = Reflect.get(decoded, key);
      if (INT64.has(key) && String(member) === inner) continue;
      if (!(isEmpty && inner === undefined)) compare(member, inner, `${path}.${key}`, problems);
    }
  } else if (
    given !== decoded &&
    !(typeof given === 'number' && path.includes('.bucketCounts[') && String(given) === decoded)
  ) {
    problems.push(`${path}: ${JSON.stringify(given)?.slice(0, 80)} is not what the schema has there`);
  }
}
