/** Scenarios of authentication that are less common: certificates, several methods, refusals, limits of time and tries. */

import { existsSync } from 'node:fs';
import { chmod, copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type LabKey, makeKey } from '../../agent/lab/keys.ts';
import { runChild } from '../../agent/source/child-process.ts';
import type { Scenario } from './scenario.ts';
import { passwordOf, WRONG } from './scenarios-login.ts';

async function keygen(...args: string[]): Promise<string> {
  const made = await runChild({ command: 'ssh-keygen', args }, 30_000);
  if (made.code !== 0) throw new Error(`ssh-keygen ${made.reason}: ${made.stderr}`);
  return made.stdout;
}

/** A key that is there already, as the laboratory's own are. */
async function keyAt(path: string): Promise<LabKey> {
  const publicLine = (await readFile(`${path}.pub`, 'utf8')).trim();
  const fingerprint = (await keygen('-l', '-f', `${path}.pub`)).split(' ')[1] ?? '';
  return { path, type: publicLine.split(' ')[0] ?? '', fingerprint, publicLine };
}

/** A login by certificate. Where the command tells no principal of it, the plain key and then a password are tried. */
function certified(name: string, story: string, tokens: string, told = 'people'): Scenario {
  return {
    name,
    story,
    prepare: async (folder) => {
      const ca = await makeKey(join(folder, 'ca'), 'ed25519');
      await makeKey(join(folder, 'user'), 'ed25519');
      await keygen('-q', '-s', ca.path, '-I', 'alice@laptop', '-n', 'people', '-z', '7', join(folder, 'user.pub'));
      return {
        config: {
          TrustedUserCAKeys: '/run/lab/ca.pub',
          AuthorizedPrincipalsCommand: `/run/lab/principals ${tokens}`,
          AuthorizedPrincipalsCommandUser: 'nobody',
        },
        files: { 'ca.pub': ca.publicLine, principals: `#!/bin/sh\nsleep 0.2\necho ${told}\n` },
      };
    },
    play: async (cast) => {
      const key = await keyAt(join(cast.folder, 'user'));
      const passwords = told === 'people' ? {} : { passwords: [passwordOf(cast)] };
      await cast.ssh({
        keys: [key],
        ...passwords,
        config: [`CertificateFile=${key.path}-cert.pub`],
        command: 'exit 9',
      });
    },
  };
}

export const AUTH_SCENARIOS: readonly Scenario[] = [
  certified('cert', 'alice logs in by a certificate, whose principals a command tells that is given its id', '%u %i'),
  certified('cert_ca', 'the same, given the fingerprint of the authority', '%F'),
  certified('cert_both', 'the principals command knows nobody, so the keys command runs, too', '%u', 'nobody'),
  {
    name: 'twofactor',
    story: 'a key and then a password are asked for, and given',
    lab: { config: { AuthenticationMethods: 'publickey,password' } },
    play: async (cast) => {
      await cast.ssh({ keys: [cast.lab.keys.good], passwords: [WRONG[0], passwordOf(cast)], command: 'exit 2' });
    },
  },
  {
    name: 'twofactor_kbd',
    story: 'a key and then keyboard-interactive are asked for, and given',
    lab: {
      config: {
        AuthenticationMethods: 'publickey,keyboard-interactive',
        ChallengeResponseAuthentication: 'yes',
        PasswordAuthentication: 'no',
      },
    },
    play: async (cast) => {
      await cast.ssh({
        keys: [cast.lab.keys.good],
        passwords: [passwordOf(cast)],
        methods: 'publickey,keyboard-interactive',
        command: 'exit 2',
      });
    },
  },
  {
    name: 'pam_exec',
    story: 'PAM runs scripts while alice logs in and out by password, each in a session of its own, as if it were one',
    lab: {
      pam: ['auth', 'account', 'session'].map((step) => `${step} optional pam_exec.so quiet /run/lab/pam-${step}`),
      files: Object.fromEntries(
        ['auth', 'account', 'session'].map((step) => [
          `pam-${step}`,
          `#!/bin/sh\nsleep 0.1\n/bin/echo ${step}\nexit 0\n`,
        ]),
      ),
    },
    play: async (cast) => {
      await cast.ssh({ passwords: [passwordOf(cast)], command: '/bin/echo in; exit 3' });
      await cast.ssh({ user: 'root', command: '/bin/echo root; exit 4' });
    },
  },
  {
    name: 'pam_denied',
    story: 'the password is right, but PAM refuses the account',
    lab: { pam: ['account required pam_deny.so'] },
    play: async (cast) => {
      await cast.ssh({ passwords: [passwordOf(cast)], command: 'true' });
    },
  },
  {
    name: 'maxtries',
    story: 'the third wrong password is one too many',
    lab: { config: { MaxAuthTries: '3' } },
    play: async (cast) => {
      await cast.ssh({ passwords: [...WRONG, 'never-asked'], command: 'true' });
    },
  },
  {
    name: 'ten_keys',
    story: 'ten keys that do not open, then the one that does',
    lab: { config: { MaxAuthTries: '20' }, authorizedKeysSeconds: 0 },
    play: async (cast) => {
      const keys: LabKey[] = [];
      for (let n = 1; n <= 10; n++)
        keys.push(await makeKey(join(cast.folder, `key-${n}`), n % 3 === 0 ? 'ecdsa' : 'ed25519'));
      await cast.ssh({ keys: [...keys, cast.lab.keys.good], command: 'true' });
    },
  },
  {
    name: 'key_pem',
    story: 'a client that cannot name its key beforehand signs at once',
    prepare: async (folder) => {
      await keygen('-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '', '-f', join(folder, 'pem'));
      const { publicLine } = await keyAt(join(folder, 'pem'));
      return {
        config: { AuthorizedKeysCommand: '/run/lab/pem-keys %u %f', PubkeyAcceptedKeyTypes: '+ssh-rsa' },
        files: { 'pem-keys': `#!/bin/sh\nsleep 0.2\necho ${publicLine}\n` },
      };
    },
    keysCommand: 'pem-keys',
    play: async (cast) => {
      const { type, ...key } = await keyAt(join(cast.folder, 'pem'));
      const path = join(cast.folder, 'unnamed');
      await copyFile(key.path, path);
      await chmod(path, 0o600);
      await rm(`${path}.pub`, { force: true });
      cast.unnamedKeys.push({ path, type: 'RSA', fingerprint: key.fingerprint });
      await cast.ssh({ keys: [{ ...key, type, path }], command: 'true' });
    },
  },
  {
    name: 'akc_fail',
    story: 'the AuthorizedKeysCommand fails with 3, so the key does not open',
    lab: {
      config: { AuthorizedKeysCommand: '/run/lab/fails %u %f' },
      files: { fails: '#!/bin/sh\nsleep 0.3\ncat "/run/lab/keys/$1"\nexit 3\n' },
    },
    keysCommand: 'fails',
    play: async (cast) => {
      await cast.ssh({ keys: [cast.lab.keys.good], passwords: [passwordOf(cast)], command: 'true' });
    },
  },
  {
    name: 'kill_during_akc',
    story: 'the client is killed while the AuthorizedKeysCommand runs',
    lab: {
      config: { AuthorizedKeysCommand: '/run/lab/slow %u %f' },
      files: { slow: '#!/bin/sh\n: > /tmp/began\nsleep 1\ncat "/run/lab/keys/$1"\n' },
    },
    keysCommand: 'slow',
    play: async (cast) => {
      const client = await cast.start({ command: 'true' });
      while (!existsSync(`${cast.lab.insideRoot}/tmp/began`)) await setTimeout(10);
      client.session.kill('SIGKILL');
      await client.finished();
    },
  },
  {
    name: 'deny_user',
    story: 'a user whom sshd knows and does not let try',
    lab: { config: { DenyUsers: 'bob' } },
    play: async (cast) => {
      await cast.ssh({
        user: 'bob',
        keys: [cast.lab.keys.good],
        passwords: [passwordOf(cast, 'bob')],
        command: 'true',
      });
    },
  },
  {
    name: 'grace',
    story: 'a client that says nothing is thrown out',
    lab: { config: { LoginGraceTime: '2' } },
    graceMs: 2000,
    play: async (cast) => {
      await cast.raw('', true);
    },
  },
  {
    name: 'grace_auth',
    story:
      'a client that thinks about its password for too long is thrown out (up to 4 s late from 9.8 on, so that nobody can foresee it)',
    lab: { config: { LoginGraceTime: '5' } },
    graceMs: 5000,
    play: async (cast) => {
      await cast.ssh({ passwords: [WRONG[0]], thinkSeconds: 14, command: 'true' });
    },
  },
  {
    name: 'maxstartups',
    story: 'while one client has not logged in, a second one is not admitted',
    lab: { config: { MaxStartups: '1' } },
    play: async (cast) => {
      const first = cast.start({ passwords: [passwordOf(cast)], thinkSeconds: 2, command: 'true' });
      const client = await first;
      await client.session.waitForDebug('read_passphrase');
      await cast.raw('', true);
      client.session.end();
      await client.finished();
    },
  },
  {
    name: 'negotiation',
    story: 'client and server have no cipher in common',
    lab: { config: { Ciphers: 'aes256-ctr' } },
    play: async (cast) => {
      await cast.ssh({ config: ['Ciphers=aes128-ctr'], command: 'true' });
    },
  },
];
