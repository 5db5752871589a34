import { type ChildCommand, type ChildOutput, runChild } from '../source/child-process.ts';

/** Who the agent runs as. */
export interface AgentUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Room for short-lived objects, MiB a half: events and spans die young, and at V8's 16 so many outlive a scavenge that a
 * twentieth of the time and a hundred MiB go into collecting them late (test/bench/spans.ts).
 *
 * V8 takes a process with little to do for one that has nothing to do, collects all of it over and over and throws away
 * code, which then has to be compiled again: a third of what a hundred commands a second cost (test/bench/pipeline.ts).
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=32', '--no-memory-reducer', '--no-flush-bytecode'];

/** How to start this program again, as another user. */
export interface AgentProgram {
  /** The Node that runs us. */
  readonly node: string;
  /** The file that was started. */
  readonly program: string;
}

/** A user of its own if there is one, else the one that owns nothing. */
const NAMES = ['sshd-otel', 'nobody'];

const ALWAYS = ['--inh-caps=-all', '--no-new-privs', '--pdeathsig=TERM'];

type RunProgram = (command: string, args: readonly string[]) => Promise<ChildOutput>;

const runHere: RunProgram = (command, args) => runChild({ command, args }, 10_000);

/** The user for the agent; undefined if the host has none of them. */
export async function findAgentUser(run: RunProgram = runHere): Promise<AgentUser | undefined> {
  for (const name of NAMES) {
    const { code, stdout } = await run('getent', ['passwd', name]);
    const [, , uid, gid] = stdout.split('\n')[0]?.split(':') ?? [];
    if (code !== 0 || !/^[1-9]\d*$/.test(uid ?? '') || !/^[1-9]\d*$/.test(gid ?? '')) continue;
    return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/**
 * The command that starts this program with `args` as `user` with no capability and no way to get one. Where that user
 * cannot read the program, since it lies below root's home for instance, it starts with the bare right to change its
 * user, and must do that itself before anything else (`--uid`, `--gid`).
 */
export async function agentCommand(
  { node, program }: AgentProgram,
  user: AgentUser,
  args: readonly string[],
): Promise<Pick<ChildCommand, 'command' | 'args'>> {
  const asUser = [
    '--reuid',
    String(user.uid),
    '--regid',
    String(user.gid),
    '--clear-groups',
    '--bounding-set=-all',
    ...ALWAYS,
  ];
  const probe = await runChild({ command: 'setpriv', args: [...asUser, node, program, '--version'] }, 20_000);
  if (probe.code === 0) return { command: 'setpriv', args: [...asUser, node, ...NODE_FLAGS, program, ...args] };
  const keepsSetuid = ['--bounding-set=-all,+setuid,+setgid', ...ALWAYS];
  const drop = ['--uid', String(user.uid), '--gid', String(user.gid)];
  return { command: 'setpriv', args: [...keepsSetuid, node, ...NODE_FLAGS, program, ...args, ...drop] };
}
