import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, resolveConfig } from '../config/config.ts';
import type { Flags } from '../config/flags.ts';
import { ConfigError } from '../config/option.ts';
import { DEFAULT_FILE } from '../config/settings.ts';
import { VERSION } from '../config/version.ts';
import { readExportSettings } from '../export/environment.ts';
import { type MetricOptions, readMetricOptions } from '../export/metric-options.ts';
import type { ExportOptions, SpoolOptions } from '../export/options.ts';
import { ExportConfigError } from '../export/transport-variables.ts';
import type { PipelineOptions } from '../pipeline.ts';
import { errorCode } from '../source/system-error.ts';
import type { ExclusionRules } from '../span/exclusion.ts';
import type { ProgramRule } from '../span/redact/program-rule.ts';
import { createRedactor } from '../span/redact/redactor.ts';
import type { Redactor } from '../span/redactor.ts';
import type { CommandContext } from './command.ts';
import type { Log } from './log.ts';

/** What is in force, checked. */
export interface Settings {
  readonly config: Config;
  readonly exporting: ExportOptions;
  readonly metrics: MetricOptions;
  /** True, but better known. */
  readonly warnings: readonly string[];
}

/**
 * Reads the file, the variables and the flags.
 * @param fallbackFile read where `--config` names none, if it exists
 * @throws ConfigError with every mistake at once
 */
export function loadSettings(
  flags: Flags | undefined,
  env: CommandContext['env'],
  fallbackFile: string | undefined = DEFAULT_FILE,
): Settings {
  const named = flags?.given('config');
  const name = typeof named === 'string' ? named : fallbackFile;
  const file = name === undefined ? undefined : readConfigFile(name, named !== undefined);
  const readFile = (path: string): Uint8Array => readFileSync(path);
  return settingsOf(resolveConfig({ flags, env, file, readFile }), readFile);
}

function readConfigFile(name: string, mustExist: boolean): { name: string; text: string } | undefined {
  try {
    return { name, text: readFileSync(name, 'utf8') };
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    if (code === 'ENOENT' && !mustExist) return undefined;
    const hint = code === 'EACCES' ? ': it must be readable for the user that the agent runs as' : '';
    throw new ConfigError([`${name}: cannot be read (${code})${hint}`]);
  }
}

function settingsOf(config: Config, readFile: (path: string) => Uint8Array): Settings {
  const { environment } = config;
  const problems = new Set<string>();
  const read = <T>(reader: () => T): T | undefined => {
    try {
      return reader();
    } catch (error) {
      if (!(error instanceof ExportConfigError)) throw error;
      for (const problem of error.problems) problems.add(problem);
      return undefined;
    }
  };
  const spans = read(() => readExportSettings(environment, VERSION, readFile));
  const metrics = read(() => readMetricOptions(environment, readFile));
  if (spans === undefined || metrics === undefined) {
    // Each begins with the variable's name; it may stand for a line of the file.
    const place = (problem: string): string => problem.replace(/^[A-Z0-9_]+/, (name) => config.sourceOf(name));
    throw new ConfigError([...problems].map(place));
  }
  const exporting: ExportOptions = {
    ...spans.options,
    queue: { maxSpans: config.get('export.queue.maxSpans'), maxBytes: config.get('export.queue.maxBytes') },
    batch: {
      maxSpans: config.get('export.batch.maxSpans'),
      maxBytes: config.get('export.batch.maxBytes'),
      delayMs: config.get('export.batch.delayMs'),
    },
  };
  return { config, exporting, metrics, warnings: spans.warnings };
}

/**
 * What the standard `OTEL_*` variables alone ask for. A thing that is odd but works is said in the log.
 * @throws ConfigError with every mistake at once
 */
export function exportSettings(env: CommandContext['env'], log: Log): ExportOptions {
  const { exporting, warnings } = loadSettings(undefined, env, undefined);
  for (const warning of warnings) log('warn', warning);
  return exporting;
}

/** The redactor that is asked for. */
export function redactorOf(config: Config): Redactor {
  return createRedactor({
    mode: config.get('redaction.mode'),
    perUser: config.get('redaction.perUser') ?? {},
    perProgram: config.get('redaction.perProgram') ?? {},
    keys: config.get('redaction.keys') ?? [],
    // Absent keys are absent, not undefined: the schema's type cannot say so.
    programs: (config.get('redaction.programs') ?? []) as readonly ProgramRule[],
  });
}

/** What an operator does not want to be told of. */
export function exclusionOf(config: Config): ExclusionRules {
  return {
    users: config.get('exclude.users') ?? [],
    sources: config.get('exclude.sources') ?? [],
    programs: config.get('exclude.programs') ?? [],
  };
}

/** Where spans wait on disk; undefined: nowhere. @param folder that the agent may write to */
export function spoolOf(config: Config, folder: string | undefined): SpoolOptions | undefined {
  const maxBytes = config.get('export.spool.maxBytes');
  if (folder === undefined || maxBytes === 0) return undefined;
  return { folder: join(folder, 'spool'), maxBytes, maxAgeMs: config.get('export.spool.maxAgeHours') * 3_600_000 };
}

/** How much a span and a trace may hold, and what is told at all. */
export function spanLimitsOf(
  config: Config,
): Required<Pick<PipelineOptions, 'maxArgvBytes' | 'maxSegmentBytes' | 'openMarkers' | 'unauthenticated'>> {
  return {
    maxArgvBytes: config.get('limits.argvBytes'),
    maxSegmentBytes: config.get('limits.traceBytes'),
    openMarkers: config.get('openMarkers'),
    unauthenticated: {
      perSource: config.get('limits.unauthenticatedPerSource'),
      perMinute: config.get('limits.unauthenticatedPerMinute'),
      maxSources: config.get('limits.unauthenticatedSources'),
    },
  };
}
