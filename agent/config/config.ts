/** What is in force: flags over environment over file over defaults, and where each value came from. */
import { type FileValue, parseConfigFile } from './config-file.ts';
import type { Flags } from './flags.ts';
import { parseHeadersFile } from './headers-file.ts';
import { ConfigError } from './option.ts';
import type { Origin } from './setting.ts';
import { DEFAULT_FILE, SETTING_NAMES, type SettingName, type SettingValue, specOf } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources {
  readonly flags?: Flags | undefined;
  readonly env: Environment;
  /** The file; absent: none. */
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  /** Reads a file that a setting names. */
  readonly readFile: (path: string) => Uint8Array;
}

export interface InForce {
  readonly name: SettingName;
  /** Text where it comes from the environment. */
  readonly value: unknown;
  readonly origin: Origin;
  /** `--redaction`, `OTEL_SERVICE_NAME`, `/etc/…/sshd-otel.yaml:12`, `default`. */
  readonly source: string;
}

/** Immutable. */
export class Config {
  readonly #inForce: ReadonlyMap<SettingName, InForce>;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #env: Environment;

  constructor(inForce: ReadonlyMap<SettingName, InForce>, headers: Readonly<Record<string, string>>, env: Environment) {
    this.#inForce = inForce;
    this.#headers = headers;
    this.#env = env;
  }

  /** The value in force. Only for settings without environment variables: for those see `environment`. */
  get<N extends SettingName>(name: N): SettingValue<N> {
    return this.#inForce.get(name)?.value as SettingValue<N>;
  }

  /** The value in force, unless it is only the default. */
  given<N extends SettingName>(name: N): SettingValue<N> | undefined {
    return this.#inForce.get(name)?.origin === 'default' ? undefined : this.get(name);
  }

  /** All settings in the order of the table. */
  entries(): InForce[] {
    return [...this.#inForce.values()];
  }

  /** The standard variables, as they would be if the file had been written in them. */
  get environment(): Environment {
    const env: Record<string, string | undefined> = { ...this.#env };
    for (const { name, value, origin } of this.#inForce.values()) {
      const variable = specOf(name).env?.at(-1);
      if (variable !== undefined && origin === 'file' && typeof value !== 'object') env[variable] = String(value);
    }
    addPairs(env, 'OTEL_EXPORTER_OTLP_HEADERS', this.#headers);
    const attributes = this.get('resource.attributes');
    if (typeof attributes === 'object') addPairs(env, 'OTEL_RESOURCE_ATTRIBUTES', attributes);
    return env;
  }

  /** Where to look when a variable of `environment` is found wrong. */
  sourceOf(variable: string): string {
    for (const { name, origin, source } of this.#inForce.values())
      if (origin === 'file' && specOf(name).env?.at(-1) === variable) return `${source}: ${name}`;
    return variable;
  }
}

/**
 * Brings the sources together. Variables are only looked up here; what they say is checked where they are read.
 * @throws ConfigError with every mistake at once
 */
export function resolveConfig(sources: ConfigSources): Config {
  const { flags, env, file } = sources;
  const { values, problems } =
    file === undefined
      ? { values: new Map<SettingName, FileValue>(), problems: [] }
      : parseConfigFile(file.text, file.name);
  const fileName = file?.name ?? DEFAULT_FILE;
  const inForce = new Map<SettingName, InForce>();
  for (const name of SETTING_NAMES) inForce.set(name, strongest(name, flags, env, values.get(name), fileName));
  const faults = [...problems];
  const headers = { ...lowerCased(values.get('export.headers')?.value), ...headersOfFile(inForce, sources, faults) };
  if (faults.length > 0) throw new ConfigError(faults);
  return new Config(inForce, headers, env);
}

function strongest(
  name: SettingName,
  flags: Flags | undefined,
  env: Environment,
  fromFile: FileValue | undefined,
  fileName: string,
): InForce {
  const spec = specOf(name);
  if (spec.flag !== undefined) {
    const value = flags?.given(spec.flag);
    if (value !== undefined) return { name, value, origin: 'flag', source: `--${spec.flag}` };
  }
  const isSet = (each: string): boolean => (env[each]?.trim() ?? '') !== '';
  const variable = spec.env?.find(isSet);
  const place = `${fileName}:${fromFile?.line}`;
  if (variable !== undefined) {
    // Maps are joined, not replaced.
    if (typeof fromFile?.value === 'object' && fromFile.value !== null)
      return { name, value: fromFile.value, origin: 'file', source: `${place} and ${variable}` };
    return { name, value: env[variable], origin: 'environment', source: variable };
  }
  if (spec.yieldsTo !== undefined && isSet(spec.yieldsTo))
    return { name, value: undefined, origin: 'default', source: `not used: ${spec.yieldsTo} is set` };
  if (fromFile !== undefined) return { name, value: fromFile.value, origin: 'file', source: place };
  return { name, value: spec.fallback, origin: 'default', source: 'default' };
}

function headersOfFile(
  inForce: ReadonlyMap<SettingName, InForce>,
  { readFile }: ConfigSources,
  problems: string[],
): Readonly<Record<string, string>> {
  const setting = inForce.get('export.headersFile');
  if (typeof setting?.value !== 'string') return {};
  const where = setting.origin === 'file' ? `${setting.source}: ${setting.name}` : setting.source;
  try {
    const { headers, faults } = parseHeadersFile(Buffer.from(readFile(setting.value)).toString('latin1'));
    for (const fault of faults) problems.push(`${where}: ${setting.value}: ${fault}`);
    return headers;
  } catch (error) {
    problems.push(`${where}: cannot read ${setting.value}: ${error instanceof Error ? error.message : 'unreadable'}`);
    return {};
  }
}

function lowerCased(headers: unknown): Record<string, string> {
  const entries = Object.entries((headers ?? {}) as Record<string, string>);
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Those of the variable come last, so they win. */
function addPairs(
  env: Record<string, string | undefined>,
  variable: string,
  pairs: Readonly<Record<string, string>>,
): void {
  const text = Object.entries(pairs).map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  const own = env[variable]?.trim() ?? '';
  if (text.length > 0) env[variable] = [...text, ...(own === '' ? [] : [own])].join(',');
}
