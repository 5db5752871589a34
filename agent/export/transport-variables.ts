/** The standard variables that tell how one signal is sent, and to where: alike for traces and metrics but for their names. */
import { createSecureContext } from 'node:tls';
import { DEFAULT_EXPORT_OPTIONS, type ExportOptions, type TlsFiles } from './options.ts';
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

/** Where a collector listens that nobody named. */
const BASE_URL = 'http://localhost:4318';

/** As the variables name it. */
export type Signal = 'TRACES' | 'METRICS';

/** What two signals may each have in their own way. */
export type TransportOptions = Pick<
  ExportOptions,
  'url' | 'protocol' | 'headers' | 'timeoutMs' | 'compression' | 'tls'
>;

/**
 * Those of a signal win over those for all signals, which never get those of another one.
 * @param readFile reads a certificate; what it throws is reported
 * @returns `given`: an endpoint was named
 */
export function readTransport(
  reader: VariableReader,
  signal: Signal,
  readFile: (path: string) => Uint8Array,
): TransportOptions & { readonly given: boolean } {
  const names = (name: string): string[] => [`OTEL_EXPORTER_OTLP_${signal}_${name}`, `OTEL_EXPORTER_OTLP_${name}`];
  return {
    ...readEndpoint(reader, names('ENDPOINT'), `/v1/${signal.toLowerCase()}`),
    protocol: readProtocol(reader, names('PROTOCOL')),
    headers: readHeaders(reader, names('HEADERS')),
    timeoutMs: reader.integer(names('TIMEOUT'), 1, 600_000) ?? DEFAULT_EXPORT_OPTIONS.timeoutMs,
    compression: reader.choice(names('COMPRESSION'), ['none', 'gzip'], 'none'),
    tls: readTls(reader, names, readFile),
  };
}

/** The endpoint of a signal is used as it is, the one for all signals gets the signal's path. */
function readEndpoint(reader: VariableReader, names: readonly string[], path: string): { url: string; given: boolean } {
  const fallback = `${BASE_URL}${path}`;
  const found = reader.value(names);
  if (!found) return { url: fallback, given: false };
  if (!/^https?:\/\//i.test(found.text) || !URL.canParse(found.text)) {
    reader.problems.push(`${found.name}: expected a URL that begins with http:// or https://`);
    return { url: fallback, given: true };
  }
  const url = new URL(found.text);
  if (found.name === 'OTEL_EXPORTER_OTLP_ENDPOINT') url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  return { url: url.href, given: true };
}

function readProtocol(reader: VariableReader, names: readonly string[]): ExportOptions['protocol'] {
  const found = reader.value(names);
  if (!found || found.text === 'http/json') return 'http/json';
  if (found.text === 'http/protobuf') return 'http/protobuf';
  reader.problems.push(
    found.text === 'grpc'
      ? `${found.name}: grpc is not supported; set it to http/json or http/protobuf and the endpoint to the collector's HTTP port, usually 4318`
      : `${found.name}: expected http/json or http/protobuf`,
  );
  return 'http/json';
}

/** Those of a signal are added to those for all signals and win over the same names. */
function readHeaders(reader: VariableReader, names: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of names.toReversed()) {
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

function readTls(
  reader: VariableReader,
  names: (name: string) => string[],
  readFile: (path: string) => Uint8Array,
): TlsFiles {
  const certificate = names('CERTIFICATE');
  const clientCertificate = names('CLIENT_CERTIFICATE');
  const clientKey = names('CLIENT_KEY');
  const ca = readPem(reader, certificate, readFile, 'ca');
  const cert = readPem(reader, clientCertificate, readFile, 'cert');
  const key = readPem(reader, clientKey, readFile, 'key');
  const [hasCert, hasKey] = [reader.value(clientCertificate), reader.value(clientKey)];
  if (hasCert && !hasKey) reader.problems.push(`${hasCert.name}: OTEL_EXPORTER_OTLP_CLIENT_KEY is missing`);
  if (hasKey && !hasCert) reader.problems.push(`${hasKey.name}: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is missing`);
  return { ca, cert, key };
}

function readPem(
  reader: VariableReader,
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

interface Found {
  readonly name: string;
  readonly text: string;
}

/** Reads variables and collects what is wrong with them. */
export class VariableReader {
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
