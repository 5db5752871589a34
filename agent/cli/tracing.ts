/** What `run` and `record` share: a producer and an agent under a supervisor. */
import { chmodSync, chownSync, closeSync, constants, lstatSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { PRODUCER_CHOICES } from '../config/options.ts';
import { type ChildStdio, startChild } from '../source/child-process.ts';
import { errorCode } from '../source/system-error.ts';
import { type AgentUser, agentCommand, findAgentUser } from '../supervise/agent-command.ts';
import { type AgentNews, AgentStatus } from '../supervise/agent-status.ts';
import { findProducers } from '../supervise/producers.ts';
import { supervise } from '../supervise/supervisor.ts';
import { type CommandContext, CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { createLog, type Log } from './log.ts';

/** Descriptors of the agent. */
const KEY_FD = 3;
const TEE_FD = 4;
const STATUS_FD = 5;

/** Statuses of the agent after which another start would end the same way. */
const FINAL: ReadonlySet<number> = new Set([EXIT.usage, EXIT.rights, EXIT.input]);

export interface Tracing {
  readonly producer: (typeof PRODUCER_CHOICES)[number];
  /** Trace only the sshd that listens with this pid. */
  readonly listenerPid: number | undefined;
  /** The producer's exact mode, if it has one. */
  readonly exact?: boolean | undefined;
  /** Arguments for the agent, but for its descriptors. */
  readonly agentArgs: readonly string[];
  /** File that holds the host key; absent: the agent needs none. */
  readonly keyFile?: string | undefined;
  /** Where the agent saves the stream, open. */
  readonly teeFd?: number | undefined;
  /** Where a folder of its own is made for the agent, if it runs as a user of its own; absent: it has none. */
  readonly agentDirIn?: string | undefined;
  readonly flushMs: number;
  /** Each thing that the agent tells of itself and of the producer. */
  readonly onNews?: ((what: AgentNews) => void) | undefined;
}

/**
 * Traces until it is stopped.
 * @throws CommandFailure
 */
export async function trace(context: CommandContext, tracing: Tracing): Promise<ExitCode> {
  const log = createLog(context);
  const producers = await findProducers(tracing.producer, { listenerPid: tracing.listenerPid, exact: tracing.exact });
  const { refused, missing } = producers;
  if (missing === undefined) for (const one of refused) log('warn', `${one}; it is not used`);
  if (missing !== undefined) throw new CommandFailure(EXIT.host, missing, producers.remedy);
  const user = await findAgentUser();
  if (user === undefined)
    throw new CommandFailure(
      EXIT.host,
      'there is no user sshd-otel and no user nobody for the agent',
      'make one: useradd --system sshd-otel',
    );
  const { keyFile, teeFd } = tracing;
  const descriptors = [
    ...(keyFile === undefined ? [] : ['--key-fd', String(KEY_FD)]),
    ...(teeFd === undefined ? [] : ['--tee-fd', String(TEE_FD)]),
    ...['--status-fd', String(STATUS_FD), '--unprivileged'],
  ];
  const agentDir = tracing.agentDirIn === undefined ? undefined : makeAgentDir(tracing.agentDirIn, user, log);
  if (agentDir !== undefined) descriptors.push('--agent-dir', agentDir);
  const program = { node: process.execPath, program: context.program };
  const command = await agentCommand(program, user, ['agent', ...tracing.agentArgs, ...descriptors]);
  let agentPid: number | undefined;
  context.onHangup?.(() => {
    if (agentPid !== undefined) process.kill(agentPid, 'SIGHUP');
  });
  const end = await supervise({
    producers: producers.candidates,
    finalAgentCodes: FINAL,
    log,
    stop: context.stop,
    flushMs: tracing.flushMs,
    startAgent() {
      const key: ChildStdio = keyFile === undefined ? 'ignore' : openSync(keyFile, constants.O_RDONLY);
      const child = startChild({
        ...command,
        stdin: 'pipe',
        stdout: 'inherit',
        stderr: 'inherit',
        extra: [key, teeFd ?? 'ignore', 'pipe'],
        detached: true,
      });
      if (typeof key === 'number') closeSync(key);
      agentPid = child.pid;
      void child.exited.then(() => {
        if (agentPid === child.pid) agentPid = undefined;
      });
      return { child, status: new AgentStatus(child.stdio[STATUS_FD] as Readable | undefined, tracing.onNews) };
    },
  });
  switch (end.type) {
    case 'stopped':
      return (end.agent.code ?? EXIT.producer) as ExitCode;
    case 'agent-refused':
      if (end.agent.code !== undefined) return end.agent.code as ExitCode;
      throw new CommandFailure(
        EXIT.host,
        `the agent ${end.agent.reason}`,
        'apt-get install util-linux (it has setpriv)',
      );
    case 'no-producer':
      throw new CommandFailure(EXIT.producer, end.reason, end.remedy ?? 'sshd-otel doctor tells what is missing');
  }
}

/**
 * A folder for the agent below the state directory, which itself stays root's. The user nobody gets none: other programs
 * run as it, and would read what is kept there.
 */
function makeAgentDir(stateDir: string, user: AgentUser, log: Log): string | undefined {
  if (user.name === 'nobody') {
    log('info', 'spans wait in memory only: useradd --system sshd-otel gives the agent a user, and a disk, of its own');
    return undefined;
  }
  const folder = join(stateDir, 'agent');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!lstatSync(folder).isDirectory()) throw new Error('no folder');
    chownSync(folder, user.uid, user.gid);
    chmodSync(folder, 0o700);
    // To reach it the agent must pass, and no more.
    chmodSync(stateDir, 0o711);
    return folder;
  } catch (error) {
    log('warn', `no folder can be made for the agent in ${stateDir} (${errorCode(error) ?? String(error)})`);
    return undefined;
  }
}

/** @throws CommandFailure unless we are root */
export function requireRoot(command: string): void {
  if (process.geteuid?.() === 0) return;
  throw new CommandFailure(
    EXIT.rights,
    `${command} needs root, since it traces the kernel`,
    `try sudo sshd-otel ${command}`,
  );
}

/**
 * Opens a new file that only its owner can read. It never follows what somebody else put there.
 * @throws CommandFailure
 */
export function createPrivateFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST')
      throw new CommandFailure(EXIT.usage, `${path} exists already`, 'remove it or choose another name');
    throw new CommandFailure(EXIT.rights, `${path} cannot be written (${code ?? 'unknown error'})`);
  }
}

/** The file of the host key in a state directory. */
export function keyFileIn(stateDir: string): string {
  return join(stateDir, 'host.key');
}
