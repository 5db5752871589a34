import { randomBytes } from 'node:crypto';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Flags } from '../config/flags.ts';
import { OPTIONS, PRODUCER_CHOICES } from '../config/options.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { SCENES } from '../lab/scenes.ts';
import type { AgentNews } from '../supervise/agent-status.ts';
import { type Command, type CommandContext, CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { HOST_KEY_BYTES } from './host-key.ts';
import { createLog } from './log.ts';
import { exportSettings } from './settings.ts';
import { requireRoot, trace } from './tracing.ts';

export const demo: Command = {
  name: 'demo',
  summary: 'let real clients log in to a private sshd, and draw what is seen of them',
  description:
    "Starts a private sshd on loopback with its own users, keys, homes and log, lets OpenSSH's own clients in, and draws " +
    'the trace of each connection as it ends; with OTEL_EXPORTER_OTLP_ENDPOINT it is exported too. Only this sshd is ' +
    "traced; the host's sshd and account files are not touched, and nothing is left behind. Needs root.",
  positionals: [],
  options: [OPTIONS.producer, OPTIONS.ids, OPTIONS.redaction, OPTIONS.flushSeconds],
  examples: [
    ['sudo sshd-otel demo', 'six connections in half a minute'],
    ['sudo OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 sshd-otel demo', 'also sends them to a collector'],
  ],
  run: runDemo,
};

/** What the laboratory is made of, and the package that has it. */
const NEEDED = [
  ['sshd', 'openssh-server'],
  ['ssh', 'openssh-client'],
  ['sftp', 'openssh-client'],
  ['ssh-keygen', 'openssh-client'],
  ['perl', 'perl-base'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
] as const;

/** A trace is drawn within 3 s of its connection's end; what takes so long never comes. */
const DRAWN_WITHIN_MS = 10_000;

async function runDemo(flags: Flags, context: CommandContext): Promise<ExitCode> {
  requireRoot('demo');
  // The agent reads them again; here, so that mistakes are said before anything is started.
  exportSettings(context.env, createLog({ stderr: { write: () => true } }));
  requirePrograms(context.env['PATH'] ?? '');
  const lab = await startLab().catch((error: Error) => {
    throw new CommandFailure(EXIT.host, error.message);
  });
  try {
    say(context, `a private sshd listens on 127.0.0.1:${lab.port}, with users, keys and a log of its own;`);
    say(context, "this host's sshd and its account files are not touched");
    return await playTraced(lab, flags, context);
  } finally {
    await lab.stop();
  }
}

/** Traces the laboratory's listener while the scenes are played. */
async function playTraced(lab: Lab, flags: Flags, context: CommandContext): Promise<ExitCode> {
  const keyFile = join(lab.folder, 'host.key');
  writeFileSync(keyFile, randomBytes(HOST_KEY_BYTES), { mode: 0o600 });
  const news = new News();
  const over = new AbortController();
  const stop = AbortSignal.any([context.stop, over.signal]);
  const tracing = trace(
    { ...context, stop },
    {
      producer: flags.choice('producer', PRODUCER_CHOICES),
      listenerPid: lab.listenerPid,
      // The host's configuration is not for it.
      agentArgs: ['--config=/dev/null', ...agentArgs(flags), '--listener', String(lab.listenerPid)],
      keyFile,
      flushMs: (flags.integer('flush-seconds') ?? 10) * 1000,
      onNews: (what) => news.tell(what),
    },
  );
  const ended = tracing.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, playScenes(lab, context, news)]);
  over.abort();
  return tracing;
}

/** One after the other: what is drawn stands below the line that tells it. */
async function playScenes(lab: Lab, context: CommandContext, news: News): Promise<void> {
  await news.count('ready', 1);
  for (const [index, scene] of SCENES.entries()) {
    if (context.stop.aborted) return;
    context.stdout.write(`\n▶ ${scene.story}\n\n`);
    await scene.play(lab);
    const late = new Promise<void>((resolve) => setTimeout(resolve, DRAWN_WITHIN_MS).unref());
    await Promise.race([news.count('drawn', index + 1), late]);
  }
}

/** What the agent told, counted. */
class News {
  readonly #counts: Record<AgentNews, number> = { ready: 0, stalled: 0, drawn: 0, caughtUp: 0 };
  #waiting: (() => void)[] = [];

  tell(what: AgentNews): void {
    this.#counts[what]++;
    for (const look of this.#waiting) look();
  }

  /** Resolves when `what` was told so often. */
  count(what: AgentNews, often: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#counts[what] < often) return;
        this.#waiting = this.#waiting.filter((one) => one !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }
}

function agentArgs(flags: Flags): string[] {
  const values = ['redaction', 'flush-seconds'].flatMap((name) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  return ['--draw', ...values, ...(flags.flag('ids') ? ['--ids'] : [])];
}

/** @throws CommandFailure that names all that is missing */
function requirePrograms(path: string): void {
  const folders = [...path.split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const missing = NEEDED.filter(([program]) => !folders.some((folder) => isExecutable(join(folder, program))));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  throw new CommandFailure(
    EXIT.host,
    `the demo's laboratory needs ${missing.map(([program]) => program).join(', ')}`,
    `apt-get install ${packages}`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function say(context: CommandContext, text: string): void {
  context.stdout.write(`${text}\n`);
}
