import type { Flags } from '../config/flags.ts';
import { parseFlags } from '../config/flags.ts';
import { nearest } from '../config/nearest.ts';
import { ConfigError } from '../config/option.ts';
import { OPTIONS } from '../config/options.ts';
import { configurationPage } from '../config/reference.ts';
import { DEFAULT_FILE } from '../config/settings.ts';
import type { Command, CommandContext } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { loadSettings } from './settings.ts';

const ACTIONS = ['check', 'reference'] as const;

export const config: Command = {
  name: 'config',
  summary: 'check a configuration file, or tell what can be set',
  description:
    'check names every mistake in a file with its line, and the files that it names are looked into as well; so run it ' +
    'as the user that the agent runs as. reference prints the page of all settings. run --print-config shows what is in force.',
  positionals: [
    { name: 'ACTION', help: 'check or reference' },
    { name: 'FILE', help: `the file to check; default ${DEFAULT_FILE}`, optional: true },
  ],
  options: [],
  examples: [
    ['sshd-otel config check', `checks ${DEFAULT_FILE}`],
    ['sshd-otel config check ./sshd-otel.yaml', 'checks a file before it is put in place'],
  ],
  run: runConfig,
};

async function runConfig(flags: Flags, context: CommandContext): Promise<ExitCode> {
  const [action = '', file = DEFAULT_FILE] = flags.positionals;
  if (action === 'reference') {
    context.stdout.write(configurationPage());
    return EXIT.ok;
  }
  if (action !== 'check') {
    const near = nearest(action, ACTIONS);
    throw new ConfigError([
      `${JSON.stringify(action)}: expected check or reference${near === undefined ? '' : `; did you mean ${near}?`}`,
    ]);
  }
  const { warnings } = loadSettings(parseFlags([`--config=${file}`], [OPTIONS.config], []), {});
  for (const warning of warnings) context.stdout.write(`${file}: ${warning}\n`);
  context.stdout.write(`${file} is right\n`);
  return EXIT.ok;
}
