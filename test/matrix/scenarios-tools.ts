/** Scenarios of the programs that people use over ssh, and of processes that do not live as their parents think. */
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../agent/source/child-process.ts';
import type { Scenario } from './scenario.ts';
import type { Server } from './servers.ts';

/** Skips servers on whose machine the program is not installed. */
const needs =
  (program: string) =>
  ({ root }: Server) =>
    existsSync(`${root ?? ''}/usr/bin/${program}`) && existsSync(`/usr/bin/${program}`)
      ? undefined
      : `${program} is not installed`;

/** All signals that end a process which does nothing against them. */
const DEADLY = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 35, 50, 63, 64];

/** A program in C, compiled for the scenario and copied to where the laboratory's users find it. */
async function compile(folder: string, source: string): Promise<void> {
  const args = ['-O1', '-static', '-pthread', '-o', join(folder, 'tool'), join(import.meta.dirname, source)];
  const made = await runChild({ command: 'cc', args }, 60_000);
  if (made.code !== 0) throw new Error(`cc ${made.reason}: ${made.stderr}`);
}

export const TOOL_SCENARIOS: readonly Scenario[] = [
  {
    name: 'tmux',
    story: 'a tmux outlives the connection that started it, and does what is typed into it from another one',
    notOn: needs('tmux'),
    play: async (cast) => {
      await cast.ssh({ command: `tmux -f /dev/null new-session -d -s work 'exec sh'` });
      await cast.ssh({ command: `tmux send-keys -t work '/bin/false; exit 4' Enter; exit 2` });
    },
  },
  {
    name: 'rsync',
    story: 'files by rsync, there and back',
    notOn: needs('rsync'),
    play: async (cast) => {
      const from = join(cast.folder, 'from');
      await mkdir(from);
      await writeFile(join(from, 'one'), 'x'.repeat(100_000));
      await writeFile(join(from, 'two'), '');
      await cast.through('rsync', (ssh) => ['-a', '-e', ssh, `${from}/`, 'alice@127.0.0.1:there/']);
      await cast.through('rsync', (ssh) => ['-a', '-e', ssh, 'alice@127.0.0.1:there/', join(cast.folder, 'back/')]);
    },
  },
  {
    name: 'git',
    story: 'a repository is made, cloned, and pushed to, by git over ssh',
    notOn: needs('git'),
    play: async (cast) => {
      const clone = join(cast.folder, 'clone');
      await cast.ssh({ command: 'git init -q --bare repository.git' });
      await cast.through('git', () => ['clone', '-q', 'alice@127.0.0.1:repository.git', clone]);
      const commit = [
        '-C',
        clone,
        '-c',
        'user.name=a',
        '-c',
        'user.email=a@b',
        'commit',
        '-q',
        '--allow-empty',
        '-m',
        'x',
      ];
      const made = await runChild({ command: 'git', args: commit }, 20_000);
      if (made.code !== 0) throw new Error(`git commit ${made.reason}: ${made.stderr}`);
      await cast.through('git', () => ['-C', clone, 'push', '-q', 'origin', 'HEAD']);
    },
  },
  {
    name: 'sudo_i',
    story: 'a root shell by sudo -i in a terminal',
    play: async (cast) => {
      const shell = await cast.start({ pty: true });
      await shell.session.waitFor('$ ');
      shell.session.write('sudo -i\n');
      const root = await shell.session.waitFor('# ');
      shell.session.write('/bin/false\n');
      const again = await shell.session.waitFor('# ', root);
      shell.session.write('exit 5\n');
      await shell.session.waitFor('$ ', again);
      shell.session.end('exit\n');
      await shell.finished();
    },
  },
  {
    name: 'orphans',
    story:
      'processes whose parents are gone run on and start programs: by a double fork, and disowned, as cron jobs do',
    play: async (cast) => {
      const orphan = `(sh -c 'sleep 0.3; /bin/false; sleep 0.9; exit 2' > /dev/null 2>&1 < /dev/null &)`;
      const disowned = `bash -c 'sleep 0.7 > /dev/null 2>&1 < /dev/null & disown; exit 3'`;
      await cast.ssh({ command: `${orphan}; ${disowned}; sleep 0.6; exit 1` });
    },
  },
  {
    name: 'every_signal',
    story: 'a command dies by each signal that can end one, realtime signals too',
    play: async (cast) => {
      const command = `for s in ${DEADLY.join(' ')}; do sh -c "kill -$s \\$\\$"; done 2> /dev/null; exit 0`;
      await cast.ssh({ command });
    },
  },
  {
    name: 'core_dumps',
    story: 'commands that leave a core, and the same where none may be left',
    play: async (cast) => {
      const die = `sh -c 'kill -SEGV $$'; sh -c 'kill -ABRT $$'`;
      await cast.ssh({ command: `{ ulimit -c unlimited; ${die}; ulimit -c 0; ${die}; } 2> /dev/null; exit 0` });
    },
  },
  {
    name: 'threads',
    story: 'a process whose first thread ends before the others, which start a program, end it, or run another one',
    prepare: async (folder) => {
      await compile(folder, 'threads.c');
      return {};
    },
    play: async (cast) => {
      const inside = `${cast.lab.insideRoot}/run/lab/threads`;
      await copyFile(join(cast.folder, 'tool'), inside);
      await chmod(inside, 0o755);
      await cast.ssh({ command: 'for how in exit last exec kill; do /run/lab/threads $how; done; exit 0' });
    },
  },
  {
    name: 'pid_again',
    story: 'a process gets the number of one that is gone, as after a wrap-around',
    play: async (cast) => {
      // The kernel gives the next number after the one written there; on a busy machine somebody else may take it.
      const again = [
        'sh -c "exit 4" & p=$!; wait; n=0',
        'while [ $n -lt 20 ]; do echo $((p - 1)) > /proc/sys/kernel/ns_last_pid',
        'sh -c "/bin/echo again; exit 5" & q=$!; wait; [ $q -eq $p ] && exit 7; n=$((n + 1)); done; exit 8',
      ].join('; ');
      const run = await cast.ssh({ user: 'root', command: again });
      if (run.exitCode !== 7) throw new Error(`no process got the number again: ${run.exitCode}`);
    },
  },
];
