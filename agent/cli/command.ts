import type { Readable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import type { Flags } from '../config/flags.ts';
import type { OptionSpec, PositionalSpec } from '../config/option.ts';
import type { ExitCode } from './exit-codes.ts';

/** What a command may use of the process that it runs in; tests hand in their own. */
export interface CommandContext {
  readonly stdin: Readable;
  readonly stdout: Pick<WriteStream, 'write' | 'on' | 'off' | 'writableLength' | 'writableNeedDrain'> & {
    readonly isTTY?: boolean | undefined;
    readonly columns?: number | undefined;
  };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that was started, for starting this program again as the agent. */
  readonly program: string;
  /** Aborted at SIGTERM and SIGINT: end in good order. */
  readonly stop: AbortSignal;
  /** Calls back at each SIGHUP: read the settings again. */
  readonly onHangup?: ((listener: () => void) => void) | undefined;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** A few sentences for the command's own help; lines are kept. */
  readonly description: string;
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  /** Command line and what it does. */
  readonly examples: readonly (readonly [command: string, effect: string])[];
  /** Not in the list of commands: only this program itself uses it. */
  readonly internal?: true;
  readonly run: (flags: Flags, context: CommandContext) => Promise<ExitCode>;
}

/** A command cannot do what it was asked for: one sentence that says what is missing, and what mends it. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  /** A command or a step that mends it. */
  readonly remedy: string | undefined;

  constructor(exitCode: ExitCode, message: string, remedy?: string) {
    super(message);
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
    this.remedy = remedy;
  }
}
