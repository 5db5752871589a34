#!/usr/bin/env node
/** argv in, exit status out. */
import { fileURLToPath } from 'node:url';
import { COMMANDS } from './cli/commands.ts';
import { dispatch } from './cli/dispatch.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal));
// Whoever read our output has left; each command sees it for itself.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { stdin, stdout, stderr, env } = process;
const program = fileURLToPath(import.meta.url);
process.exitCode = await dispatch(process.argv.slice(2), COMMANDS, {
  stdin,
  stdout,
  stderr,
  env,
  program,
  stop: stop.signal,
});
