import { DEFAULT_EXPORT_OPTIONS, type ExportOptions, type SamplerChoice, type SpanLimits } from './options.ts';
import { type Environment, ExportConfigError, readTransport, VariableReader } from './transport-variables.ts';

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
  const reader = new VariableReader(environment);
  const warnings: string[] = [];
  const { given, ...transport } = readTransport(reader, 'TRACES', readFile);
  const { url } = transport;
  const exporter = readExporter(reader);
  const disabled = reader.choice(['OTEL_SDK_DISABLED'], ['true', 'false'], 'false') === 'true';
  const options: ExportOptions = {
    ...DEFAULT_EXPORT_OPTIONS,
    enabled: !disabled && (exporter === 'otlp' || (exporter === undefined && given)),
    ...transport,
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

function readExporter(reader: VariableReader): 'otlp' | 'none' | undefined {
  const found = reader.value(['OTEL_TRACES_EXPORTER']);
  if (!found) return undefined;
  if (found.text === 'otlp' || found.text === 'none') return found.text;
  const hint = found.text === 'console' ? ' (traces are drawn on the terminal without any exporter)' : '';
  reader.problems.push(`OTEL_TRACES_EXPORTER: expected otlp or none${hint}`);
  return undefined;
}

/** A client's flag must not switch the tracing of its own session off, so `parentbased_x` is read as `x`. */
function readSampler(reader: VariableReader): SamplerChoice {
  const kinds = ['always_on', 'always_off', 'traceidratio'] as const;
  const names = [...kinds, ...kinds.map((kind) => `parentbased_${kind}` as const)];
  const name = reader.choice(['OTEL_TRACES_SAMPLER'], names, 'always_on');
  const kind = kinds.find((one) => name.endsWith(one)) ?? 'always_on';
  const ratio = kind === 'traceidratio' ? reader.fraction('OTEL_TRACES_SAMPLER_ARG') : undefined;
  return { kind, ratio: ratio ?? 1 };
}

function readLimits(reader: VariableReader): SpanLimits {
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
