/** Strict decoding of OTLP metric requests by the official schema. */
import { createRequire } from 'node:module';
import { attributesOf, compare, type KeyValue, type SinkAttributes } from './otlp-decode.ts';

interface Point {
  readonly attributes?: readonly KeyValue[];
  readonly asInt?: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic?: boolean };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}

interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[];
  }[];
}

/** One point of a metric as a back end reads it. */
export interface SinkMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'counter' | 'level' | 'histogram';
  /** Of a histogram the sum of its values. */
  readonly value: number;
  /** Of a histogram: how many values. */
  readonly count?: number | undefined;
  readonly bounds?: readonly number[] | undefined;
  readonly attributes: SinkAttributes;
  readonly resource: SinkAttributes;
}

const { proto } = createRequire(import.meta.url)('otlp-schema/build/src/generated/root.js').opentelemetry;
const codec: {
  fromObject(plain: object): object;
  decode(body: Uint8Array): object;
  toObject(message: object, options: object): MetricsRequest;
} = proto.collector.metrics.v1.ExportMetricsServiceRequest;

/** Throws on what is not OTLP at all. */
export function decodeMetrics(
  body: Uint8Array,
  contentType: string,
): { readonly metrics: readonly SinkMetric[]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const plain =
    contentType === 'application/x-protobuf' ? plainOf(codec.decode(body)) : fromJson(body, contentType, problems);
  const metrics = plain.resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    (scopeMetrics ?? []).flatMap((scope) =>
      (scope.metrics ?? []).flatMap((metric) =>
        pointsOf(metric, attributesOf(resource?.attributes ?? [], problems), problems),
      ),
    ),
  );
  return { metrics, problems };
}

function plainOf(message: object): MetricsRequest {
  return codec.toObject(message, { longs: String });
}

function fromJson(body: Uint8Array, contentType: string, problems: string[]): MetricsRequest {
  if (contentType !== 'application/json') throw new Error(`content type ${contentType}`);
  const given: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  const plain = plainOf(codec.fromObject(Object(given)));
  compare(given, plain, '', problems);
  return plain;
}

function pointsOf({ name, unit, sum, histogram }: Metric, resource: SinkAttributes, problems: string[]): SinkMetric[] {
  const kind = histogram !== undefined ? 'histogram' : sum?.isMonotonic === true ? 'counter' : 'level';
  return (
    (histogram ?? sum)?.dataPoints.map((point) => {
      const value = histogram === undefined ? Number(point.asInt ?? point.asDouble) : (point.sum ?? 0);
      const count = histogram === undefined ? undefined : Number(point.count);
      const attributes = attributesOf(point.attributes ?? [], problems);
      return { name, unit, kind, value, count, bounds: point.explicitBounds, attributes, resource };
    }) ?? []
  );
}
