import { readFileSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { ConfigError } from '../config/option.ts';
import { REDACTION_CHOICES } from '../config/options.ts';
import { VERSION } from '../config/version.ts';
import { ExportConfigError, readExportSettings } from '../export/environment.ts';
import type { ExportOptions } from '../export/options.ts';
import { createRedactor } from '../span/redact/redactor.ts';
import type { Redactor } from '../span/redactor.ts';
import type { CommandContext } from './command.ts';
import type { Log } from './log.ts';

/**
 * What the standard `OTEL_*` variables ask for. A thing that is odd but works is said in the log.
 * @throws ConfigError with every mistake at once
 */
export function exportSettings(env: CommandContext['env'], log: Log): ExportOptions {
  try {
    const { options, warnings } = readExportSettings(env, VERSION, (path) => readFileSync(path));
    for (const warning of warnings) log('warn', warning);
    return options;
  } catch (error) {
    if (error instanceof ExportConfigError) throw new ConfigError(error.problems);
    throw error;
  }
}

/** The redactor that `--redaction` asks for. */
export function redactorOf(flags: Flags): Redactor {
  return createRedactor({ mode: flags.choice('redaction', REDACTION_CHOICES) });
}
