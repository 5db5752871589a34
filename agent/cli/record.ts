import { closeSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import type { Command, CommandContext } from './command.ts';
import type { ExitCode } from './exit-codes.ts';
import { loadSettings } from './settings.ts';
import { createPrivateFile, requireRoot, trace } from './tracing.ts';

export const record: Command = {
  name: 'record',
  summary: 'save the event stream of this host for replay, until SIGTERM or Ctrl-C',
  description:
    'Saves what the tracer says in a new file that only root can read. Known secrets are taken out of command lines, ' +
    'unless --raw keeps them. replay makes traces of it, anywhere. Needs root.',
  positionals: [{ name: 'FILE', help: 'a file that does not exist yet; - is standard output' }],
  options: [OPTIONS.config, OPTIONS.raw, OPTIONS.producer, OPTIONS.exact, OPTIONS.listener],
  examples: [
    ['sudo sshd-otel record logins.ndjson', 'records until Ctrl-C, without known secrets'],
    ['sudo sshd-otel record --raw - | gzip > logins.ndjson.gz', 'records everything, compressed'],
  ],
  run: runRecord,
};

async function runRecord(flags: Flags, context: CommandContext): Promise<ExitCode> {
  requireRoot('record');
  const { config } = loadSettings(flags, context.env);
  const file = flags.given('config') === undefined ? [] : [`--config=${flags.given('config')}`];
  const [path = '-'] = flags.positionals;
  const fd = path === '-' ? 1 : createPrivateFile(path);
  try {
    return await trace(context, {
      producer: config.get('producer'),
      exact: config.get('exact'),
      listenerPid: config.get('listener'),
      agentArgs: [
        ...file,
        ...(flags.flag('exact') ? ['--exact'] : []),
        '--only-tee',
        '--tee-form',
        flags.flag('raw') ? 'raw' : 'redacted',
      ],
      teeFd: fd,
      flushMs: 5_000,
    });
  } finally {
    if (fd !== 1) closeSync(fd);
  }
}
