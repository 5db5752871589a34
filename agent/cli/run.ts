import { closeSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import { printConfig } from '../config/print-config.ts';
import type { Command, CommandContext } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { loadHostKey } from './host-key.ts';
import { loadSettings } from './settings.ts';
import { createPrivateFile, keyFileIn, requireRoot, trace } from './tracing.ts';

export const run: Command = {
  name: 'run',
  summary: "trace this host's sshd until SIGTERM or Ctrl-C",
  description:
    'Starts two processes: a tracer with the rights that it needs, and an agent with none at all, which makes traces of ' +
    'what the tracer says. Without a collector each trace is drawn when its connection ends; with ' +
    'OTEL_EXPORTER_OTLP_ENDPOINT it is exported. It waits for sshd if there is none yet. Needs root.',
  positionals: [],
  options: [
    OPTIONS.config,
    OPTIONS.printConfig,
    OPTIONS.headersFile,
    OPTIONS.producer,
    OPTIONS.exact,
    OPTIONS.listener,
    OPTIONS.draw,
    OPTIONS.ids,
    OPTIONS.tee,
    OPTIONS.redaction,
    OPTIONS.unauthenticatedPerSource,
    OPTIONS.stateDir,
    OPTIONS.flushSeconds,
  ],
  examples: [
    ['sudo sshd-otel run', 'draws every connection on the terminal'],
    ['sudo OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 sshd-otel run', 'exports to a collector on this host'],
    ['sudo sshd-otel run --producer bpftrace --tee logins.ndjson', 'traces with bpftrace and keeps the event stream'],
  ],
  run: runRun,
};

async function runRun(flags: Flags, context: CommandContext): Promise<ExitCode> {
  if (flags.flag('print-config')) {
    context.stdout.write(printConfig(loadSettings(flags, context.env).config));
    return EXIT.ok;
  }
  requireRoot('run');
  // The agent reads them again; here, so that mistakes are said before anything is started.
  const { config } = loadSettings(flags, context.env);
  const stateDir = config.get('stateDir');
  loadHostKey(stateDir);
  const tee = flags.text('tee');
  const teeFd = tee === undefined ? undefined : createPrivateFile(tee);
  try {
    return await trace(context, {
      agentArgs: agentArgs(flags),
      keyFile: keyFileIn(stateDir),
      teeFd,
      agentDirIn: stateDir,
      producer: config.get('producer'),
      exact: config.get('exact'),
      listenerPid: config.get('listener'),
      flushMs: config.get('flushSeconds') * 1000,
    });
  } finally {
    if (teeFd !== undefined) closeSync(teeFd);
  }
}

/** Only what was given: what was not is read by the agent from the same file, again at each SIGHUP. */
function agentArgs(flags: Flags): string[] {
  const names = [
    ...['config', 'redaction', 'unauthenticated-per-source', 'flush-seconds', 'exact'],
    ...['headers-file', 'listener', 'draw', 'ids'],
  ];
  return names.flatMap((name) => {
    const value = flags.given(name);
    if (value === undefined) return [];
    return value === true ? [`--${name}`] : [`--${name}=${value}`];
  });
}
