/** Everything that the export can be told, as one checked value. `environment.ts` makes it from the standard variables. */

/** Where a line about the export goes. `warn`: an operator should act or know; `info`: good news. */
export type Log = (level: 'info' | 'warn', text: string) => void;

export interface TlsFiles {
  /** PEM; trusted instead of Node's own list. */
  readonly ca?: Uint8Array | undefined;
  /** PEM, for mutual TLS; with `key`. */
  readonly cert?: Uint8Array | undefined;
  /** PEM. */
  readonly key?: Uint8Array | undefined;
}

/** How many of something one span may carry, by the specification's names. */
export interface SpanLimits {
  readonly attributeCount: number;
  /** UTF-16 units of a string or of each element of a list; `Infinity`: no limit. */
  readonly attributeValueLength: number;
  readonly linkCount: number;
  readonly attributePerLinkCount: number;
}

export interface SamplerChoice {
  readonly kind: 'always_on' | 'always_off' | 'traceidratio';
  /** 0 to 1; used by `traceidratio` only. */
  readonly ratio: number;
}

export interface QueueLimits {
  /** Spans that may wait for the collector in memory. */
  readonly maxSpans: number;
  /** Their estimated encoded bytes. */
  readonly maxBytes: number;
}

/** Where spans wait on disk. */
export interface SpoolOptions {
  /** Made if it does not exist; nobody else's. */
  readonly folder: string;
  /** Of all files in it. */
  readonly maxBytes: number;
  /** What has waited longer is dropped. */
  readonly maxAgeMs: number;
}

export interface BatchLimits {
  readonly maxSpans: number;
  /** Estimated encoded bytes of a request; the Collector refuses bodies over 20 MiB. One larger span travels alone. */
  readonly maxBytes: number;
  /** How long the first span of a batch waits for others. */
  readonly delayMs: number;
}

export interface Backoff {
  /** Pause after the first failure; doubles from there. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** Pause where only a person can mend it: wrong credentials, wrong path, wrong certificate. */
  readonly slowMs: number;
}

export interface ExportOptions {
  /** False: nothing is queued, sent or counted. */
  readonly enabled: boolean;
  /** Whole URL, path included. */
  readonly url: string;
  readonly protocol: 'http/json' | 'http/protobuf';
  readonly headers: Readonly<Record<string, string>>;
  /** Deadline of one request, from first byte to last. */
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
  readonly tls: TlsFiles;
  /** Wins over `resourceAttributes`, which win over what the agent knows. */
  readonly serviceName?: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: SamplerChoice;
  readonly limits: SpanLimits;
  readonly queue: QueueLimits;
  /** Absent: spans wait in memory only. */
  readonly spool?: SpoolOptions | undefined;
  readonly batch: BatchLimits;
  readonly backoff: Backoff;
  /** Version of the agent, told as that of the instrumentation scope. */
  readonly version: string;
}

export const DEFAULT_EXPORT_OPTIONS: ExportOptions = {
  enabled: true,
  url: 'http://localhost:4318/v1/traces',
  protocol: 'http/json',
  headers: {},
  timeoutMs: 10_000,
  compression: 'none',
  tls: {},
  resourceAttributes: {},
  sampler: { kind: 'always_on', ratio: 1 },
  limits: { attributeCount: 128, attributeValueLength: Infinity, linkCount: 128, attributePerLinkCount: 128 },
  queue: { maxSpans: 16_384, maxBytes: 64 * 1024 * 1024 },
  batch: { maxSpans: 512, maxBytes: 4 * 1024 * 1024, delayMs: 1_000 },
  backoff: { initialMs: 1_000, maxMs: 30_000, slowMs: 60_000 },
  version: '0.0.0',
};
