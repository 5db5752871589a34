/** What the demo's clients do, one connection each; the same scenes are recorded and tested. */
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ClientRun } from './client-process.ts';
import type { Lab } from './lab.ts';

export interface Scene {
  /** For file names and `--only`. */
  readonly name: string;
  /** What is going to happen, one line for people. */
  readonly story: string;
  /** Plays it; resolves when the clients have ended, with what they saw. @throws Error if a client did not behave as told */
  readonly play: (lab: Lab) => Promise<readonly ClientRun[]>;
}

/** Typed in the password scene as an argument: it must be found nowhere. */
export const ARGUMENT_SECRET = 'correct-horse-battery';

/** Typed as a wrong password. */
export const WRONG_PASSWORDS = ['wrong-tomato-71', 'wrong-tomato-72'] as const;

export const SCENES: readonly Scene[] = [
  {
    name: 'keys',
    story: 'alice offers three keys, the third one opens; sh runs a pipeline, a command that fails, and exit 3',
    play: async (lab) => [
      await lab.ssh({
        keys: [lab.keys.oldLaptop, lab.keys.workstation, lab.keys.good],
        command: `sh -c 'printf "%s\\n" cherry apple banana | sort | head -n 1; ls /no/such/file; exit 3'`,
      }),
    ],
  },
  {
    name: 'password',
    story: 'bob mistypes his password twice, then works in a terminal: a few commands, sudo, a secret in an argument',
    play: playPassword,
  },
  {
    name: 'invalid-user',
    story: 'somebody tries two passwords for mallory, whom this host does not know, and gives up',
    play: async (lab) => [await lab.ssh({ user: 'mallory', passwords: WRONG_PASSWORDS })],
  },
  {
    name: 'scan',
    story: 'a port scanner reads the banner and leaves',
    play: async (lab) => {
      await readBanner(lab.port);
      return [];
    },
  },
  {
    name: 'mux',
    story: 'carol opens three sessions over one connection',
    play: playMux,
  },
  {
    name: 'sftp',
    story: 'carol sends a file by sftp and fetches it again',
    play: async (lab) => [
      await lab.sftp(`put /etc/services up\nls -l up\nget up ${join(lab.folder, 'down')}\n`, { user: 'carol' }),
    ],
  },
];

/** Lines that bob types, each when the prompt is there. */
const TYPED = [
  'id -un',
  'uname -r | cut -d. -f1',
  'ls /no/such/file',
  `env DB_PASSWORD=${ARGUMENT_SECRET} printenv HOME`,
  'sudo -n id -u',
];

async function playPassword(lab: Lab): Promise<readonly ClientRun[]> {
  const passwords = [...WRONG_PASSWORDS, lab.users.bob.password ?? ''];
  const shell = await lab.startSsh({ user: 'bob', passwords, pty: true });
  let position = await shell.waitFor('~$ ');
  for (const line of TYPED) {
    shell.write(`${line}\n`);
    position = await shell.waitFor('~$ ', position);
  }
  shell.end('exit\n');
  return [await shell.finished];
}

async function playMux(lab: Lab): Promise<readonly ClientRun[]> {
  const socket = ['-S', join(lab.folder, 'mux')];
  const login = { user: 'carol' };
  const first = await lab.startSsh({ ...login, args: ['-M', ...socket], command: 'echo open; cat > /dev/null' });
  await first.waitFor('open');
  const others = await Promise.all([
    lab.ssh({ ...login, args: socket, command: 'sleep 0.3; exit 1' }),
    lab.ssh({ ...login, args: socket, command: 'wc -l < /etc/passwd > /dev/null' }),
  ]);
  first.end();
  return [await first.finished, ...others];
}

/** Connects, reads the first line, closes. */
function readBanner(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.once('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\n')) socket.end();
    });
    socket.once('close', () => resolve(text));
  });
}
