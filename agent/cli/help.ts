import type { OptionSpec } from '../config/option.ts';
import type { Command } from './command.ts';
import { EXIT, EXIT_MEANINGS } from './exit-codes.ts';

const WIDTH = 100;
const COLUMN = 26;

/** Help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  const visible = commands.filter((command) => command.internal !== true);
  return [
    'sshd-otel: traces of SSH servers, from the outside: what every login, session and command did and how long it took',
    '',
    'Usage: sshd-otel COMMAND [OPTION...]',
    '',
    'Commands:',
    ...visible.flatMap((command) => columns(usageOf(command), command.summary)),
    '',
    'sshd-otel COMMAND --help tells more. Without a collector traces are drawn on the terminal; with',
    'OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4318 they are exported. All standard OTEL_* variables are read.',
    '',
    'Exit status:',
    ...exitTable(),
    '',
  ].join('\n');
}

/** Help of one command. */
export function commandHelp(command: Command): string {
  const options = command.options.filter((option) => option.internal !== true);
  return [
    `Usage: sshd-otel ${usageOf(command)}${options.length > 0 ? ' [OPTION...]' : ''}`,
    '',
    ...wrap(command.description, WIDTH),
    ...section(
      'Arguments:',
      command.positionals.flatMap((each) => columns(each.name, each.help)),
    ),
    ...section(
      'Options:',
      [
        ...options.map((each) => [optionUsage(each), optionHelp(each)] as const),
        ['--help', 'this text'] as const,
      ].flatMap(([left, right]) => columns(left, right)),
    ),
    ...section(
      'Examples:',
      command.examples.flatMap(([line, effect]) => [`  ${line}`, `      ${effect}`]),
    ),
    '',
    'Exit status: see sshd-otel --help',
    '',
  ].join('\n');
}

function usageOf(command: Command): string {
  const positionals = command.positionals.map(({ name, optional }) => (optional === true ? `[${name}]` : name));
  return [command.name, ...positionals].join(' ');
}

function optionUsage(option: OptionSpec): string {
  return option.kind === 'flag' ? `--${option.name}` : `--${option.name} ${option.value ?? 'VALUE'}`;
}

function optionHelp(option: OptionSpec): string {
  return option.fallback === undefined ? option.help : `${option.help} (default ${option.fallback})`;
}

/** The exit statuses as a table. */
export function exitTable(): string[] {
  return Object.entries(EXIT).flatMap(([name, code]) =>
    columns(String(code), EXIT_MEANINGS[name as keyof typeof EXIT], 5),
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}

function columns(left: string, right: string, column = COLUMN): string[] {
  const lines = wrap(right, WIDTH - column);
  const head = `  ${left}`;
  if (head.length + 2 > column) return [head, ...lines.map((line) => `${' '.repeat(column)}${line}`)];
  return lines.map((line, i) => `${(i === 0 ? head : '').padEnd(column)}${line}`);
}

function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}
