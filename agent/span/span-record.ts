/** What we tell: one finished span, plain and immutable. The adapter in `export/` is the only place that knows the SDK. */

export type AttributeValue = string | number | boolean | readonly string[];

export interface SpanLink {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly remote: boolean;
  readonly traceState?: string | undefined;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface SpanRecord {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** Absent: root of the trace. */
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly kind: 'server' | 'internal';
  /** Unix time, ns. */
  readonly startNs: bigint;
  /** Unix time, ns; never below `startNs`. */
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly links: readonly SpanLink[];
  /** `ok` is never set: instruments leave it to people (OpenTelemetry specification, trace/api.md, Set Status). */
  readonly status: 'unset' | 'error';
  readonly statusMessage?: string | undefined;
  /** What the queue keeps longest when it is full: 0 root, authentication, session, failed command; 1 the rest; 2 never authenticated. */
  readonly priority: 0 | 1 | 2;
  /** Root of its trace: the last span of it that was held back with the others. */
  readonly root: boolean;
}

/** Attributes of the OpenTelemetry resource, the same for all spans of a stream. */
export interface ResourceRecord {
  readonly attributes: Readonly<Record<string, string>>;
}
