import { runChild } from '../../agent/source/child-process.ts';

const BUILD_MS = 600_000;

/**
 * Runs a program to its end.
 * @returns its standard output, at most 64 kB
 * @throws Error with what it said, if it fails
 */
export async function run(command: string, args: readonly string[], env?: Record<string, string>): Promise<string> {
  const all = env === undefined ? undefined : { ...(process.env as Record<string, string>), ...env };
  const { code, reason, stdout, stderr } = await runChild({ command, args, env: all }, BUILD_MS);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ${reason}\n${stderr}${stdout}`);
}
