import { createSecureContext } from 'node:tls';
import {
  DEFAULT_EXPORT_OPTIONS,
  type ExportOptions,
  type SamplerChoice,
  type SpanLimits,
  type TlsFiles,
} from './options.ts';
import { parsePairs } from './pairs.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** All that is wrong with the environment, each with the variable's name. Values are not repeated where they may be secret. */
export class ExportConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ExportConfigError';
    this.problems = problems;
  }
}

export interface ExportSettings {
  readonly options: ExportOptions;
  /** True, but better known. */
  readonly warnings: readonly string[];
}

/**
 * Reads the standard `OTEL_*` variables (OpenTelemetry specification, configuration/sdk-environment-variables.md and
 * protocol/exporter.md). An empty value is as good as none. Nothing is sent unless an endpoint or
 * `OTEL_TRACES_EXPORTER=otlp` asks for it: an agent that was told nothing keeps what it sees to itself.
 *
 * @param readFile reads a certificate; what it throws is reported.
 * @throws ExportConfigError with every mistake at once.
 */
export function readExportSettings(
  environment: Environment,
  version: string,
  readFile: (path: string) => Uint8Array,
): ExportSettings {
  const reader = new Reader(environment);
  const warnings: string[] = [];
  const { url, given } = readEndpoint(reader);
  const exporter = readExporter(reader);
  const disabled = reader.choice(['OTEL_SDK_DISABLED'], ['true', 'false'], 'false') === 'true';
  const options: ExportOptions = {
    ...DEFAULT_EXPORT_OPTIONS,
    enabled: !disabled && (exporter === 'otlp' || (exporter === undefined && given)),
    url,
    protocol: readProtocol(reader),
    headers: readHeaders(reader),
    timeoutMs: reader.integer(otlp('TIMEOUT'), 1, 600_000) ?? DEFAULT_EXPORT_OPTIONS.timeoutMs,
    compression: reader.choice(otlp('COMPRESSION'), ['none', 'gzip'], 'none'),
    tls: readTls(reader, readFile),
    serviceName: reader.value(['OTEL_SERVICE_NAME'])?.text,
    resourceAttributes: reader.pairs('OTEL_RESOURCE_ATTRIBUTES'),
    sampler: readSampler(reader),
    limits: readLimits(reader),
    version,
  };
  if (reader.problems.length > 0) throw new ExportConfigError(reader.problems);
  if (options.enabled && isPlainToStrangers(url)) {
    warnings.push(
      `traces, command lines among them, go unencrypted to ${new URL(url).host}: use https:// or a collector on this host`,
    );
  }
  return { options, warnings };
}

/** The variable for traces wins over the one for all signals. */
function otlp(name: string): string[] {
  return [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`];
}

/** The endpoint for traces is used as it is, the one for all signals gets the path of traces. */
function readEndpoint(reader: Reader): { url: string; given: boolean } {
  const found = reader.value(otlp('ENDPOINT'));
  if (!found) return { url: DEFAULT_EXPORT_OPTIONS.url, given: false };
  if (!/^https?:\/\//i.test(found.text) || !URL.canParse(found.text)) {
    reader.problems.push(`${found.name}: expected a URL that begins with http:// or https://`);
    return { url: DEFAULT_EXPORT_OPTIONS.url, given: true };
  }
  const url = new URL(found.text);
  if (found.name === 'OTEL_EXPORTER_OTLP_ENDPOINT') url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return { url: url.href, given: true };
}

function readExporter(reader: Reader): 'otlp' | 'none' | undefined {
  const found = reader.value(['OTEL_TRACES_EXPORTER']);
  if (!found) return undefined;
  if (found.text === 'otlp' || found.text === 'none') return found.text;
  const hint = found.text === 'console' ? ' (traces are drawn on the terminal without any exporter)' : '';
  reader.problems.push(`OTEL_TRACES_EXPORTER: expected otlp or none${hint}`);
  return undefined;
}

function readProtocol(reader: Reader): ExportOptions['protocol'] {
  const found = reader.value(otlp('PROTOCOL'));
  if (!found || found.text === 'http/json') return 'http/json';
  if (found.text === 'http/protobuf') return 'http/protobuf';
  reader.problems.push(
    found.text === 'grpc'
      ? `${found.name}: grpc is not supported; set it to http/json or http/protobuf and the endpoint to the collector's HTTP port, usually 4318`
      : `${found.name}: expected http/json or http/protobuf`,
  );
  return 'http/json';
}

/** Those for traces are added to those for all signals and win over the same names. */
function readHeaders(reader: Reader): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of otlp('HEADERS').reverse()) {
    for (const [key, value] of Object.entries(reader.pairs(name))) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(key))
        reader.problems.push(`${name}: “${key.slice(0, 64)}” is no header name`);
      else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
        reader.problems.push(`${name}: the value of ${key} has characters that no header may have`);
      else headers[key.toLowerCase()] = value;
    }
  }
  return headers;
}

function readTls(reader: Reader, readFile: (path: string) => Uint8Array): TlsFiles {
  const certificate = otlp('CERTIFICATE');
  const clientCertificate = otlp('CLIENT_CERTIFICATE');
  const clientKey = otlp('CLIENT_KEY');
  const ca = readPem(reader, certificate, readFile, 'ca');
  const cert = readPem(reader, clientCertificate, readFile, 'cert');
  const key = readPem(reader, clientKey, readFile, 'key');
  const [hasCert, hasKey] = [reader.value(clientCertificate), reader.value(clientKey)];
  if (hasCert && !hasKey) reader.problems.push(`${hasCert.name}: OTEL_EXPORTER_OTLP_CLIENT_KEY is missing`);
  if (hasKey && !hasCert) reader.problems.push(`${hasKey.name}: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is missing`);
  return { ca, cert, key };
}

function readPem(
  reader: Reader,
  names: readonly string[],
  readFile: (path: string) => Uint8Array,
  role: 'ca' | 'cert' | 'key',
): Uint8Array | undefined {
  const found = reader.value(names);
  if (!found) return undefined;
  try {
    const pem = readFile(found.text);
    if (!Buffer.from(pem).includes('-----BEGIN ')) throw new Error('it holds no PEM block');
    createSecureContext({ [role]: Buffer.from(pem) });
    return pem;
  } catch (error) {
    reader.problems.push(
      `${found.name}: cannot use ${found.text}: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
    return undefined;
  }
}

/** A client's flag must not switch the tracing of its own session off, so `parentbased_x` is read as `x`. */
function readSampler(reader: Reader): SamplerChoice {
  const kinds = ['always_on', 'always_off', 'traceidratio'] as const;
  const names = [...kinds, ...kinds.map((kind) => `parentbased_${kind}` as const)];
  const name = reader.choice(['OTEL_TRACES_SAMPLER'], names, 'always_on');
  const kind = kinds.find((one) => name.endsWith(one)) ?? 'always_on';
  const ratio = kind === 'traceidratio' ? reader.fraction('OTEL_TRACES_SAMPLER_ARG') : undefined;
  return { kind, ratio: ratio ?? 1 };
}

function readLimits(reader: Reader): SpanLimits {
  const most = 1_000_000;
  const defaults = DEFAULT_EXPORT_OPTIONS.limits;
  const limit = (names: string[]) => reader.integer(names, 1, most);
  return {
    attributeCount: limit(['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT']) ?? defaults.attributeCount,
    attributeValueLength:
      limit(['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT']) ??
      defaults.attributeValueLength,
    linkCount: limit(['OTEL_SPAN_LINK_COUNT_LIMIT']) ?? defaults.linkCount,
    attributePerLinkCount: limit(['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT']) ?? defaults.attributePerLinkCount,
  };
}

function isPlainToStrangers(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}

interface Found {
  readonly name: string;
  readonly text: string;
}

/** Reads variables and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = [];
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The first of `names` that is set. */
  value(names: readonly string[]): Found | undefined {
    for (const name of names) {
      const text = this.#environment[name]?.trim();
      if (text !== undefined && text !== '') return { name, text };
    }
    return undefined;
  }

  choice<T extends string>(names: readonly string[], choices: readonly T[], fallback: T): T {
    const found = this.value(names);
    if (!found) return fallback;
    const choice = choices.find((one) => one === found.text.toLowerCase());
    if (choice === undefined) this.problems.push(`${found.name}: expected ${choices.join(', ')}`);
    return choice ?? fallback;
  }

  integer(names: readonly string[], least: number, most: number): number | undefined {
    const found = this.value(names);
    if (!found) return undefined;
    const number = Number(found.text);
    if (/^\d+$/.test(found.text) && number >= least && number <= most) return number;
    this.problems.push(`${found.name}: expected a whole number from ${least} to ${most}`);
    return undefined;
  }

  fraction(name: string): number | undefined {
    const found = this.value([name]);
    if (!found) return undefined;
    const number = Number(found.text);
    if (number >= 0 && number <= 1) return number;
    this.problems.push(`${name}: expected a number from 0 to 1`);
    return undefined;
  }

  pairs(name: string): Record<string, string> {
    const found = this.value([name]);
    if (!found) return {};
    const { pairs, faults } = parsePairs(found.text);
    for (const fault of faults) this.problems.push(`${name}: ${fault}`);
    return pairs;
  }
}
