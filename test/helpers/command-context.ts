import { PassThrough, Readable, Writable } from 'node:stream';
import type { CommandContext } from '../../agent/cli/command.ts';
import { COMMANDS } from '../../agent/cli/commands.ts';
import { dispatch } from '../../agent/cli/dispatch.ts';
import type { ExitCode } from '../../agent/cli/exit-codes.ts';

/** What a command said and how it ended. */
export interface CommandRun {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandWorld {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Standard input that goes on; in place of `stdin`. */
  readonly input?: Readable;
  readonly onHangup?: NonNullable<CommandContext['onHangup']>;
  readonly stop?: AbortSignal;
  /** The terminal's width; absent: no terminal. */
  readonly columns?: number;
}

/** Runs a command line inside this process, with its own streams and environment. */
export async function runCommandLine(argv: readonly string[], world: CommandWorld = {}): Promise<CommandRun> {
  const out: Buffer[] = [];
  const stdout = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        out.push(Buffer.from(chunk));
        done();
      },
    }),
    { isTTY: world.columns !== undefined, ...(world.columns === undefined ? {} : { columns: world.columns }) },
  );
  let stderr = '';
  const context: CommandContext = {
    stdin: world.input ?? inputOf(world.stdin),
    ...(world.onHangup === undefined ? {} : { onHangup: world.onHangup }),
    stdout: stdout as unknown as CommandContext['stdout'],
    stderr: {
      write(text) {
        stderr += text;
      },
    },
    env: world.env ?? {},
    program: new URL('../../agent/main.ts', import.meta.url).pathname,
    stop: world.stop ?? new AbortController().signal,
  };
  const code = await dispatch(argv, COMMANDS, context);
  return { code, stdout: Buffer.concat(out).toString('utf8'), stderr };
}

function inputOf(bytes: Uint8Array | undefined): Readable {
  return bytes === undefined ? new PassThrough().end() : Readable.from([bytes], { objectMode: false });
}
