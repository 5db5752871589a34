#!/usr/bin/env node
/** argv in, exit status out. */
import { fileURLToPath } from 'node:url';
import { COMMANDS } from './cli/commands.ts';
import { dispatch } from './cli/dispatch.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal));
/** With a terminal a hang-up means that it is gone; a service is asked to read its settings again. */
const hangups: (() => void)[] = [];
process.on('SIGHUP', () => {
  if (process.stdin.isTTY || process.stdout.isTTY) stop.abort('SIGHUP');
  else for (const listener of hangups) listener();
});
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
  onHangup: (listener) => hangups.push(listener),
});
