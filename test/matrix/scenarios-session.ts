/** Scenarios of what runs after a login: shells, several sessions, subsystems. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Scenario } from './scenario.ts';

export const SESSION_SCENARIOS: readonly Scenario[] = [
  {
    name: 'pty_shell',
    story: 'alice works in a terminal: a pipeline, a background job, a subshell, exit 3',
    play: async (cast) => {
      const shell = await cast.start({ pty: true });
      let at = await shell.session.waitFor('$ ');
      for (const line of [
        'tty',
        'printf "b\\na\\n" | sort | head -n 1',
        'sleep 0.2 & wait',
        '( /bin/echo sub; /bin/false )',
      ]) {
        shell.session.write(`${line}\n`);
        at = await shell.session.waitFor('$ ', at);
      }
      shell.session.end('exit 3\n');
      await shell.finished();
    },
  },
  {
    name: 'mux',
    story: 'alice opens three sessions at once and then a terminal over one connection',
    play: async (cast) => {
      const socket = ['-S', join(cast.lab.folder, 'mux')];
      const master = await cast.start({ args: ['-M', ...socket], command: 'echo open; cat > /dev/null; exit 2' });
      await master.session.waitFor('open');
      await Promise.all([
        cast.ssh({ args: socket, command: 'sleep 0.3; exit 1' }, master.part),
        cast.ssh({ args: socket, command: 'wc -l < /etc/passwd > /dev/null' }, master.part),
      ]);
      await cast.ssh({ args: socket, pty: true, command: 'tty; exit 5' }, master.part);
      master.session.end();
      await master.finished();
    },
  },
  {
    name: 'sftp_int',
    story: 'alice sends a file and fetches it again by internal-sftp',
    files: true,
    play: async (cast) => {
      await cast.sftp(`put /etc/services up\nls -l up\nget up ${join(cast.lab.folder, 'down')}\n`);
    },
  },
  {
    name: 'sftp_ext',
    story: 'the same by the sftp-server program, and renames, makes and removes',
    files: true,
    lab: { config: { Subsystem: 'sftp /usr/lib/openssh/sftp-server' } },
    play: async (cast) => {
      const batch = [
        `put /etc/services up`,
        `get up ${join(cast.lab.folder, 'down')}`,
        'mkdir d',
        'rename up d/up',
        'ls d',
      ].concat(['-rm nothing', 'ln -s up d/link', 'chmod 600 d/up', '-rmdir d', 'rm d/link', 'rm d/up', 'rmdir d']);
      await cast.sftp(`${batch.join('\n')}\n`);
    },
  },
  {
    name: 'shell_T',
    story: 'a shell without a terminal reads its commands from a pipe',
    play: async (cast) => {
      await cast.ssh({ pty: false, stdin: '/bin/echo one\n/bin/false\nexit 3\n' });
    },
  },
  {
    name: 'exec_tty',
    story: 'a command in a terminal',
    play: async (cast) => {
      await cast.ssh({ pty: true, command: 'tty; exit 9' });
    },
  },
  {
    name: 'force',
    story: 'a forced command runs instead of what the client asked for',
    lab: { config: { ForceCommand: '/bin/echo "$SSH_ORIGINAL_COMMAND"; exit 12' } },
    play: async (cast) => {
      await cast.ssh({ command: 'rm -rf / # not today' });
    },
  },
  {
    name: 'force_key',
    story: 'a key option forces a command',
    lab: {
      config: { AuthorizedKeysCommand: '/run/lab/forcing %u %f' },
      files: { forcing: '#!/bin/sh\nprintf \'command="/bin/echo forced; exit 4" \'\ncat "/run/lab/keys/$1"\n' },
    },
    keysCommand: 'forcing',
    play: async (cast) => {
      await cast.ssh({ command: 'id' });
    },
  },
  {
    name: 'sshrc',
    story: 'the user has a ~/.ssh/rc',
    play: async (cast) => {
      const home = `${cast.lab.insideRoot}/home/carol`;
      await mkdir(`${home}/.ssh`);
      await writeFile(`${home}/.ssh/rc`, '/bin/echo rc > /dev/null\n');
      await cast.ssh({ user: 'carol', command: 'exit 1' });
    },
  },
  {
    name: 'jail',
    story: 'internal-sftp in a ChrootDirectory',
    files: true,
    lab: { config: { ChrootDirectory: '/home', ForceCommand: 'internal-sftp' } },
    play: async (cast) => {
      await cast.sftp('cd alice\nput /etc/services up\nrm up\n');
    },
  },
  {
    name: 'only_forwarding',
    story: 'a client that asks for no session (-N)',
    play: async (cast) => {
      const client = await cast.start({ args: ['-N'] });
      await client.session.waitForDebug('Entering interactive session');
      await cast.lab.waitForLog(/^User child is on pid/);
      client.session.kill('SIGTERM');
      await client.finished();
    },
  },
  {
    name: 'traceparent',
    story: 'the client sends a TRACEPARENT',
    play: async (cast) => {
      const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await cast.ssh({ env: { TRACEPARENT }, config: ['SendEnv=TRACEPARENT'], command: 'true' });
    },
  },
  {
    name: 'proxy_jump',
    story: 'alice reaches the host through itself (-W)',
    play: async (cast) => {
      const { lab } = cast;
      const quoted = lab.sshArguments().map((arg) => `'${arg}'`);
      const from = cast.address();
      const told = join(cast.folder, 'jump.log');
      const leg = ['-v', '-E', told, '-b', from, '-p', lab.port, '-W', `127.0.0.1:${lab.port}`, 'bob@127.0.0.1'];
      const config = [`ProxyCommand=ssh ${quoted.join(' ')} ${leg.join(' ')}`];
      const startedMs = Date.now();
      const actor = await cast.start({ config, command: 'exit 7' }, undefined, '127.0.0.1');
      actor.part.proxied = true;
      actor.session.end();
      await actor.finished();
      await lab.settled();
      const stderr = await readFile(told, 'utf8');
      // Its client ends it by a signal, which ssh takes as a reason to go in order.
      // That it got through says that the way was opened.
      const forwards = [{ what: `connect 127.0.0.1:${lab.port}`, result: 'tcp opened' }];
      const run = { pid: 0, exitCode: 0, stdout: '', stderr, startedMs, endedMs: Date.now() };
      cast.parts.push({ address: from, user: 'bob', rides: false, pty: false, run, forwards });
    },
  },
  {
    name: 'ipv6',
    story: 'alice logs in over IPv6',
    lab: { address: '::1' },
    play: async (cast) => {
      const client = await cast.start({ command: 'exit 6' }, undefined, '::1');
      client.session.end();
      await client.finished();
    },
  },
  {
    name: 'hup',
    story: 'sshd is reloaded while a session is open, and another login follows',
    play: async (cast) => {
      const first = await cast.start({ command: 'echo on; cat > /dev/null; exit 5' });
      await first.session.waitFor('on');
      const listening = cast.lab.log().length;
      process.kill(cast.lab.listenerPid, 'SIGHUP');
      while (
        !cast.lab
          .log()
          .slice(listening)
          .some((line) => line.text.startsWith('Server listening'))
      )
        await setTimeout(10);
      await cast.ssh({ user: 'bob', command: 'exit 6' });
      first.session.end();
      await first.finished();
    },
  },
  {
    name: 'listener_stop',
    story: 'sshd is stopped while a session is open',
    play: async (cast) => {
      const client = await cast.start({ command: 'echo on; cat > /dev/null; /bin/true; exit 5' });
      await client.session.waitFor('on');
      process.kill(cast.lab.listenerPid, 'SIGTERM');
      await cast.lab.waitForLog(/^Received signal 15/);
      client.session.end();
      await client.finished();
    },
  },
];
