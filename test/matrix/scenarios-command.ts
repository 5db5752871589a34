/** Scenarios of what commands do: chains of execs, signals, many at once, those that outlive their connection. */
import type { Scenario } from './scenario.ts';

const exec = (name: string, story: string, command: string, more: Partial<Scenario> = {}): Scenario => ({
  name,
  story,
  ...more,
  play: async (cast) => {
    await cast.ssh({ command });
  },
});

const SIGNALS = [
  'HUP',
  'INT',
  'QUIT',
  'ABRT',
  'FPE',
  'KILL',
  'SEGV',
  'USR1',
  'PIPE',
  'ALRM',
  'TERM',
  'BUS',
  'SYS',
  'XCPU',
];

export const COMMAND_SCENARIOS: readonly Scenario[] = [
  exec('exec_codes', 'commands that fail, and a shell that is killed', '/bin/false; (exit 77); /bin/true; kill -9 $$'),
  exec('exec_chain', 'a process that becomes one program after another', `exec sh -c 'exec env A=1 sleep 0.1'`),
  exec('exec_failed', 'programs that are not there', 'no-such-program; env no-such-program; /etc/passwd; exit 4'),
  exec(
    'nested',
    'shells in shells, with subshells between',
    `sh -c 'sh -c "( /bin/echo deep; /bin/false ); exit 2"; exit 3'`,
  ),
  exec(
    'signals',
    'commands that die by signals, some leaving a core',
    `for s in ${SIGNALS.join(' ')}; do sh -c "kill -s $s \\$\\$"; done 2> /dev/null; exit 0`,
  ),
  exec('script', 'a script with an argument in its first line', '/run/lab/tool one "two words" ""; exit 1', {
    lab: { files: { tool: '#!/bin/sh -e\n/bin/echo "$@"\nexit 5\n' } },
  }),
  exec('pipeline_50', 'fifty programs at once', `/bin/echo x${' | cat'.repeat(49)}`),
  exec('loop_1000', 'a thousand short commands', 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done; exit 6', {
    unrecorded: true,
    lab: { authorizedKeysSeconds: 0 },
  }),
  exec(
    'argv_bytes',
    'arguments with quotes, newlines, nothing and much in them',
    `printf '%s' 'a"b' 'c\nd' '' "$(printf '%3000s' x)" 'äöü€' > /dev/null`,
  ),
  exec(
    'daemons',
    'programs that outlive the connection: by setsid, nohup and &',
    'setsid sleep 1.2 > /dev/null 2>&1 < /dev/null & nohup sleep 1 > /dev/null 2>&1 < /dev/null & (sleep 0.8 & ) > /dev/null 2>&1 < /dev/null; exit 0',
  ),
  exec(
    'daemon_hold',
    'the leader exits at once, a background program holds the channel open',
    'sleep 0.8 & echo started',
  ),
  {
    name: 'daemon_pty',
    story: 'a program that left the terminal outlives the connection',
    play: async (cast) => {
      const shell = await cast.start({ pty: true });
      const at = await shell.session.waitFor('$ ');
      shell.session.write('setsid sleep 1.5 > /dev/null 2>&1 < /dev/null &\n');
      await shell.session.waitFor('$ ', at + 60);
      shell.session.end('exit\n');
      await shell.finished();
    },
  },
  exec(
    'sudo_su',
    'sudo, and a login shell of another user inside it',
    'sudo -n id -u; sudo -n su - dave -c whoami; sudo -n -i id',
  ),
];
