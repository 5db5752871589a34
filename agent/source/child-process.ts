/**
 * Starting other programs: the only file that does it. Arguments go to the program as they are, never through a shell.
 */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { execa, type Options } from 'execa';
import { TextTail } from './text-tail.ts';

/** What one of the child's file descriptors is: a pipe to us, ours, nothing, or an open descriptor or stream of ours. */
export type ChildStdio = 'pipe' | 'inherit' | 'ignore' | number | Readable | Writable;

/** What to start and how. */
export interface ChildCommand {
  /** A path, or a name to be found in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment; absent: ours. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Default `ignore`: the child reads nothing. */
  readonly stdin?: ChildStdio | undefined;
  /** Default `pipe`. It must be read, or the child will block: that is its back-pressure. */
  readonly stdout?: ChildStdio | undefined;
  /** Default `pipe`: kept as `stderrTail`, and read always, so that it never blocks the child. */
  readonly stderr?: ChildStdio | undefined;
  /** Descriptors 3, 4, … */
  readonly extra?: readonly ChildStdio[] | undefined;
  /** In a session of its own, so that Ctrl-C in our terminal does not reach it. Such a child is not ended when we exit. */
  readonly detached?: boolean | undefined;
  /** Each line of stderr as it comes, without its end, at most 4096 characters of it. Not escaped: it may hold anything. */
  readonly onStderrLine?: ((line: string) => void) | undefined;
}

/** How a child ended. */
export interface ChildExit {
  /** 0..255; absent if a signal ended it or it never started. */
  readonly code?: number | undefined;
  /** For instance `SIGKILL`. */
  readonly signal?: string | undefined;
  /** False: the program could not be started. */
  readonly started: boolean;
  /** One clause for people, for instance `exited with status 1`, `killed by SIGKILL`, `could not be started: bpftrace not found`. */
  readonly reason: string;
}

/** A running (or failed) child. */
export interface Child {
  /** Absent if it could not be started; `exited` tells why. */
  readonly pid: number | undefined;
  /** Present where stdin is `pipe`. */
  readonly stdin: Writable | undefined;
  /** Present where stdout is `pipe`. */
  readonly stdout: Readable | undefined;
  /** Our ends of all descriptors that are `pipe`, by number. */
  readonly stdio: readonly (Readable | Writable | undefined)[];
  /** The last 4 kB of stderr. */
  stderrTail(): string;
  /** Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Sends `signal` (default SIGTERM), then SIGKILL if it still runs after `graceMs` (default 5000). Resolves when it is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<ChildExit>;
}

/** What stderr may still bring after the exit is waited for so long: a grandchild may hold it open for ever. */
const STDERR_DRAIN_MS = 300;

/** Starts a program. Never throws and never rejects: a program that cannot be started is a child that has exited. */
export function startChild(command: ChildCommand): Child {
  const subprocess = execa(command.command, [...command.args], executionOptions(command));
  const tail = new TextTail(command.onStderrLine);
  const stderr = command.stderr === undefined || command.stderr === 'pipe' ? subprocess.stderr : undefined;
  const stderrEnded = tail.readFrom(stderr ?? undefined);
  const ended = Promise.withResolvers<ChildExit>();
  if (subprocess.pid === undefined) {
    void subprocess.then((result) => {
      ended.resolve({ started: false, reason: `could not be started: ${startFailure(command, result)}` });
    });
  } else {
    // execa's own promise would wait for streams that only the caller may read: the plain event is the truth.
    subprocess.nodeChildProcess.once('exit', (code, signal) => ended.resolve(exitOf(code, signal)));
  }
  const exited = ended.promise.then(async (exit) => {
    await Promise.race([stderrEnded, delay(STDERR_DRAIN_MS)]);
    return exit;
  });
  return {
    pid: subprocess.pid,
    stdin: (command.stdin === 'pipe' ? subprocess.stdin : undefined) ?? undefined,
    stdout: keptForReader(command.stdout, subprocess.stdout),
    stdio: Array.from(subprocess.stdio, (stream) => stream ?? undefined) as (Readable | Writable | undefined)[],
    stderrTail: () => tail.text(),
    exited,
    async stop(signal = 'SIGTERM', graceMs = 5000) {
      const kill = setTimeout(() => subprocess.kill('SIGKILL'), graceMs);
      subprocess.kill(signal);
      const exit = await exited;
      clearTimeout(kill);
      return exit;
    },
  };
}

/** Node and execa throw unread output away at the exit; a stream between keeps it, and keeps the back-pressure. */
function keptForReader(option: ChildStdio | undefined, stdout: Readable | null): Readable | undefined {
  if (stdout === null || (option !== undefined && option !== 'pipe')) return undefined;
  const kept = new PassThrough();
  stdout.once('error', () => kept.end());
  return stdout.pipe(kept);
}

type ExecaOptions = Options & { readonly encoding: 'buffer' };
type ExecaStdio = NonNullable<ExecaOptions['stdio']>;

function executionOptions(command: ChildCommand): ExecaOptions {
  return {
    shell: false,
    reject: false,
    buffer: false,
    encoding: 'buffer',
    extendEnv: command.env === undefined,
    // Only `stop` decides about SIGKILL, and when.
    forceKillAfterDelay: false,
    detached: command.detached ?? false,
    cleanup: !(command.detached ?? false),
    // execa takes every descriptor number, its types know only 0 to 9.
    stdio: [
      command.stdin ?? 'ignore',
      command.stdout ?? 'pipe',
      command.stderr ?? 'pipe',
      ...(command.extra ?? []),
    ] as ExecaStdio,
    ...(command.env === undefined ? {} : { env: { ...command.env } }),
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.uid === undefined ? {} : { uid: command.uid }),
    ...(command.gid === undefined ? {} : { gid: command.gid }),
  };
}

function exitOf(code: number | null, signal: string | null): ChildExit {
  if (signal !== null) return { signal, started: true, reason: `killed by ${signal}` };
  return { code: code ?? 0, started: true, reason: `exited with status ${code ?? 0}` };
}

function startFailure(
  command: ChildCommand,
  error: { readonly code?: string | undefined; readonly message?: string | undefined },
): string {
  const { code } = error;
  if (code === 'ENOENT') return `${command.command} not found`;
  if (code === 'EACCES') return `no right to execute ${command.command}`;
  return code ?? error.message ?? 'unknown error';
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** What a short program said. */
export interface ChildOutput extends ChildExit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short program to its end and collects its output: at most 64 kB of stdout, killed after `timeoutMs`. */
export async function runChild(command: ChildCommand, timeoutMs: number): Promise<ChildOutput> {
  const child = startChild({ ...command, stdout: 'pipe', stderr: 'pipe' });
  const chunks: Uint8Array[] = [];
  let size = 0;
  child.stdout?.on('data', (chunk: Uint8Array) => {
    size += chunk.length;
    if (size <= 65_536) chunks.push(chunk);
  });
  const stdoutEnded = new Promise<void>((resolve) => {
    if (child.stdout === undefined) resolve();
    child.stdout?.once('close', () => resolve());
  });
  const timer = setTimeout(() => void child.stop('SIGKILL', 0), timeoutMs);
  const exit = await child.exited;
  clearTimeout(timer);
  await Promise.race([stdoutEnded, delay(STDERR_DRAIN_MS)]);
  return { ...exit, stdout: Buffer.concat(chunks).toString('utf8'), stderr: child.stderrTail() };
}
