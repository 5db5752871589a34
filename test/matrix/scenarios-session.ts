/** Scenarios of what runs after a login: shells, several sessions, subsystems. */
import { join } from 'node:path';
import type { Scenario } from './scenario.ts';

export const SESSION_SCENARIOS: readonly Scenario[] = [
  {
    name: 'pty_shell',
    story: 'alice works in a terminal: a pipeline, a background job, a subshell, exit 3',
    play: async (cast) => {
      const shell = await cast.start({ pty: true });
      let at = await shell.session.waitFor('$ ');
      for (const line of [
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
    play: async (cast) => {
      await cast.sftp(`put /etc/services up\nls -l up\nget up ${join(cast.lab.folder, 'down')}\n`);
    },
  },
  {
    name: 'sftp_ext',
    story: 'the same by the sftp-server program',
    lab: { config: { Subsystem: 'sftp /usr/lib/openssh/sftp-server' } },
    play: async (cast) => {
      await cast.sftp(`put /etc/services up\nget up ${join(cast.lab.folder, 'down')}\nrm up\n`);
    },
  },
];
