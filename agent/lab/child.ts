/** Starts programs for the laboratory. */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface ChildExit {
  readonly code?: number | undefined;
  readonly signal?: string | undefined;
  readonly reason: string;
}

export interface Child {
  readonly pid: number | undefined;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stdio: readonly (Readable | Writable | undefined)[];
  stderrTail(): string;
  readonly exited: Promise<ChildExit>;
}

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: 'pipe' | undefined;
  readonly detached?: boolean | undefined;
}

export function startChild(command: ChildCommand): Child {
  const child = spawn(command.command, [...command.args], {
    stdio: [command.stdin ?? 'ignore', 'pipe', 'pipe'],
    detached: command.detached ?? false,
    ...(command.env === undefined ? {} : { env: { ...command.env } }),
  });
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString('utf8')).slice(-4096);
  });
  return {
    pid: child.pid,
    stdin: child.stdin ?? undefined,
    stdout: child.stdout ?? undefined,
    stdio: child.stdio.map((stream) => stream ?? undefined),
    stderrTail: () => tail,
    exited: new Promise((resolve) => {
      child.once('error', (error) => resolve({ reason: error.message }));
      child.once('exit', (code, signal) =>
        resolve({
          code: code ?? undefined,
          signal: signal ?? undefined,
          reason: signal === null ? `exited with status ${code}` : `killed by ${signal}`,
        }),
      );
    }),
  };
}

export async function runChild(
  command: ChildCommand,
  _timeoutMs: number,
): Promise<ChildExit & { stdout: string; stderr: string }> {
  const child = startChild(command);
  let stdout = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  const closed = new Promise((resolve) => child.stdout?.once('close', resolve));
  const exit = await child.exited;
  await closed;
  return { ...exit, stdout, stderr: child.stderrTail() };
}
