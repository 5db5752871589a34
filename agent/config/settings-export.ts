/** What can be set of the export. The variables are those of the OpenTelemetry specification. */
import { z } from 'zod';
import type { SettingSpec } from './setting.ts';

const MIB = 1024 * 1024;

/** A whole number in a range, with the text for people. */
export function whole(least: number, most: number): Pick<SettingSpec, 'expected'> & { readonly schema: z.ZodNumber } {
  return { schema: z.int().min(least).max(most), expected: `a whole number from ${least} to ${most}` };
}

/** For HTTP. */
export const url = z.string().refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text));
const path = { schema: z.string().startsWith('/'), expected: 'the absolute path of a file' };
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/);

function otlp(name: string): string[] {
  return [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`];
}

export const EXPORT_SETTINGS = {
  'export.exporter': {
    schema: z.enum(['otlp', 'none']),
    expected: 'otlp or none',
    env: ['OTEL_TRACES_EXPORTER'],
    fallbackText: 'otlp if an endpoint is named, else none',
    reload: false,
    help: 'whether spans are sent at all',
  },
  'export.endpoint': {
    schema: url,
    expected: 'a URL that begins with http:// or https://',
    env: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    reload: true,
    secret: 'url',
    help: 'base URL of the collector; /v1/traces is appended',
  },
  'export.tracesEndpoint': {
    schema: url,
    expected: 'a URL that begins with http:// or https://',
    env: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
    yieldsTo: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    reload: true,
    secret: 'url',
    help: 'whole URL, used as it is; wins over export.endpoint',
  },
  'export.protocol': {
    schema: z.enum(['http/json', 'http/protobuf']),
    expected: 'http/json or http/protobuf',
    fallback: 'http/json',
    env: otlp('PROTOCOL'),
    reload: false,
    help: 'encoding; http/protobuf needs the optional package @opentelemetry/exporter-trace-otlp-proto',
  },
  'export.headers': {
    schema: z.record(headerName, headerValue),
    expected: 'header names with their values',
    env: otlp('HEADERS'),
    reload: true,
    secret: 'values',
    help: 'sent with each request; those of the variables are added and win over the same names',
  },
  'export.headersFile': {
    ...path,
    flag: 'headers-file',
    reload: true,
    help: 'file with a header a line, Name: value; wins over export.headers; read again when it changes',
  },
  'export.timeoutMs': {
    ...whole(1, 600_000),
    fallback: 10_000,
    env: otlp('TIMEOUT'),
    reload: true,
    help: 'ms for one request, answer included',
  },
  'export.compression': {
    schema: z.enum(['none', 'gzip']),
    expected: 'none or gzip',
    fallback: 'none',
    env: otlp('COMPRESSION'),
    reload: true,
    help: 'gzip is worth it across a network, not on loopback',
  },
  'export.certificate': {
    ...path,
    env: otlp('CERTIFICATE'),
    fallbackText: "the system's list",
    reload: true,
    help: 'PEM file of the authority that vouches for the collector; read again when it changes',
  },
  'export.clientCertificate': {
    ...path,
    env: otlp('CLIENT_CERTIFICATE'),
    reload: true,
    help: 'PEM file for mutual TLS, with export.clientKey; read again when it changes',
  },
  'export.clientKey': {
    ...path,
    env: otlp('CLIENT_KEY'),
    reload: true,
    help: 'PEM file for mutual TLS, with export.clientCertificate; read again when it changes',
  },
  'export.queue.maxSpans': {
    ...whole(512, 10_000_000),
    fallback: 16_384,
    reload: false,
    help: 'spans that may wait in memory',
  },
  'export.queue.maxBytes': {
    ...whole(MIB, 4096 * MIB),
    fallback: 64 * MIB,
    reload: false,
    help: 'their estimated bytes',
  },
  'export.batch.maxSpans': {
    ...whole(1, 8_192),
    fallback: 512,
    reload: false,
    help: 'spans of one request',
  },
  'export.batch.maxBytes': {
    ...whole(65_536, 16 * MIB),
    fallback: 4 * MIB,
    reload: false,
    help: 'estimated bytes of one request; a larger span travels alone',
  },
  'export.batch.delayMs': {
    ...whole(0, 60_000),
    fallback: 1_000,
    reload: false,
    help: 'ms that the first span of a request waits for others',
  },
  'export.spool.maxBytes': {
    schema: z.int().refine((bytes) => bytes === 0 || (bytes >= MIB && bytes <= 1024 * 1024 * MIB)),
    expected: `0, or a whole number from ${MIB} to ${1024 * 1024 * MIB}`,
    fallback: 256 * MIB,
    reload: false,
    help: 'bytes on disk, in the state directory, for spans that could not be delivered yet; 0: none are kept there',
  },
  'export.spool.maxAgeHours': {
    ...whole(1, 24 * 365),
    fallback: 72,
    reload: false,
    help: 'spans that have waited longer are dropped, and counted',
  },
  'resource.serviceName': {
    schema: z.string().min(1).max(255),
    expected: 'a name',
    fallbackText: 'sshd',
    env: ['OTEL_SERVICE_NAME'],
    reload: false,
    help: 'service.name; wins over resource.attributes',
  },
  'resource.attributes': {
    schema: z.record(z.string().min(1), z.string()),
    expected: 'names with texts',
    env: ['OTEL_RESOURCE_ATTRIBUTES'],
    reload: false,
    help: 'attributes of the resource; win over what the agent knows of the host; those of the variable are added and win',
  },
  'sampling.sampler': {
    schema: z.enum(['always_on', 'always_off', 'traceidratio']),
    expected: 'always_on, always_off or traceidratio',
    fallback: 'always_on',
    env: ['OTEL_TRACES_SAMPLER'],
    reload: false,
    help: 'decided once for each connection: all of it is there, or nothing',
  },
  'sampling.ratio': {
    schema: z.number().min(0).max(1),
    expected: 'a number from 0 to 1',
    fallback: 1,
    env: ['OTEL_TRACES_SAMPLER_ARG'],
    reload: false,
    help: 'share of connections for traceidratio',
  },
  'limits.spanAttributes': {
    ...whole(1, 1_000_000),
    fallback: 128,
    env: ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
    reload: false,
    help: 'attributes of a span; the rest is counted in dropped_attributes_count',
  },
  'limits.attributeCharacters': {
    ...whole(1, 1_000_000),
    env: ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'],
    reload: false,
    help: 'characters of a text, or of each element of a list; what it cuts is not marked',
  },
  'limits.spanLinks': {
    ...whole(1, 1_000_000),
    fallback: 128,
    env: ['OTEL_SPAN_LINK_COUNT_LIMIT'],
    reload: false,
    help: 'links of a span',
  },
  'limits.linkAttributes': {
    ...whole(1, 1_000_000),
    fallback: 128,
    env: ['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'],
    reload: false,
    help: 'attributes of a link',
  },
} as const satisfies Record<string, SettingSpec>;
