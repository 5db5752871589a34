import { closeSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import type { Command, CommandContext } from './command.ts';
import type { ExitCode } from './exit-codes.ts';
import { loadHostKey } from './host-key.ts';
import { createLog } from './log.ts';
import { exportSettings } from './settings.ts';
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
    OPTIONS.producer,
    OPTIONS.listener,
    OPTIONS.draw,
    OPTIONS.ids,
    OPTIONS.tee,
    OPTIONS.redaction,
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
  requireRoot('run');
  // The agent reads them again; here, so that mistakes are said before anything is started.
  exportSettings(context.env, createLog({ stderr: { write: () => true } }));
  const stateDir = flags.text('state-dir') ?? '';
  loadHostKey(stateDir);
  const tee = flags.text('tee');
  const teeFd = tee === undefined ? undefined : createPrivateFile(tee);
  try {
    return await trace(flags, context, {
      agentArgs: agentArgs(flags),
      keyFile: keyFileIn(stateDir),
      teeFd,
      flushMs: (flags.integer('flush-seconds') ?? 10) * 1000,
    });
  } finally {
    if (teeFd !== undefined) closeSync(teeFd);
  }
}

function agentArgs(flags: Flags): string[] {
  const args = [
    '--redaction',
    flags.text('redaction') ?? 'redacted',
    '--flush-seconds',
    flags.text('flush-seconds') ?? '10',
  ];
  for (const name of ['draw', 'ids']) if (flags.flag(name)) args.push(`--${name}`);
  const listener = flags.text('listener');
  return listener === undefined ? args : [...args, '--listener', listener];
}
