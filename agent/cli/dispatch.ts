import { parseFlags } from '../config/flags.ts';
import { nearest } from '../config/nearest.ts';
import { ConfigError } from '../config/option.ts';
import { VERSION } from '../config/version.ts';
import { escapeText } from '../view/escape.ts';
import { type Command, type CommandContext, CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { commandHelp, programHelp } from './help.ts';

/** Runs the command that `argv` names. Whatever happens is an exit status and, at worst, a sentence on standard error. */
export async function dispatch(
  argv: readonly string[],
  commands: readonly Command[],
  context: CommandContext,
): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const wanted = name === 'help' ? commands.find((command) => command.name === rest[0]) : undefined;
    context.stdout.write(wanted === undefined ? programHelp(commands) : commandHelp(wanted));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-V') {
    context.stdout.write(`sshd-otel ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const names = commands.filter((each) => each.internal !== true).map((each) => each.name);
    const near = nearest(name, names);
    say(context, `no such command: ${name}${near === undefined ? '' : `; did you mean ${near}?`}`);
    say(context, `the commands are ${names.join(', ')}; sshd-otel --help tells more`);
    return EXIT.usage;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    context.stdout.write(commandHelp(command));
    return EXIT.ok;
  }
  return runCommand(command, rest, context);
}

async function runCommand(command: Command, argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  try {
    return await command.run(parseFlags(argv, command.options, command.positionals), context);
  } catch (error) {
    if (error instanceof ConfigError) {
      for (const problem of error.problems) say(context, problem);
      say(context, `sshd-otel ${command.name} --help tells what it understands`);
      return EXIT.usage;
    }
    if (error instanceof CommandFailure) {
      say(context, error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`);
      return error.exitCode;
    }
    say(context, `internal error: ${error instanceof Error ? error.message : String(error)}`);
    if ((context.env['SSHD_OTEL_DEBUG'] ?? '') !== '' && error instanceof Error) say(context, error.stack ?? '');
    else say(context, 'please report it, with what SSHD_OTEL_DEBUG=1 adds to this');
    return EXIT.internal;
  }
}

function say(context: CommandContext, text: string): void {
  context.stderr.write(`sshd-otel: ${escapeText(text)}\n`);
}
