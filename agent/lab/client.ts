/** Real OpenSSH clients that log in to the laboratory. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabUser } from './accounts.ts';
import { type ClientRun, type ClientSession, startClient } from './client-process.ts';
import type { LabKey, LabKeys } from './keys.ts';

/** One call of a client. */
export interface LoginOptions {
  /** Login name; it need not exist. Default `alice`. */
  readonly user?: string | undefined;
  /** Keys to offer, in this order. Default: the good one, or none if there are passwords. */
  readonly keys?: readonly LabKey[] | undefined;
  /** Passwords to try, in this order; the client gives up after the last. */
  readonly passwords?: readonly string[] | undefined;
  /** How long each password is thought about before it is typed. Default 0. */
  readonly thinkSeconds?: number | undefined;
  /** Default: `publickey`, `password` or both, by what is given above. */
  readonly methods?: string | undefined;
  /** Asks for a terminal although the client has none. */
  readonly pty?: boolean | undefined;
  /** ssh_config options, `Keyword=value`; they win over the laboratory's own. */
  readonly config?: readonly string[] | undefined;
  /** More arguments of ssh, before the destination. */
  readonly args?: readonly string[] | undefined;
  /** Absent: a shell. */
  readonly command?: string | undefined;
  /** What the client reads; default nothing. */
  readonly stdin?: string | Uint8Array | undefined;
  /** More variables of the client's environment, for SendEnv. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface Client {
  /** Runs `ssh -v` to its end. Never rejects for what the server or the command did. */
  ssh(options?: LoginOptions): Promise<ClientRun>;
  /** Starts `ssh -v` and leaves its input open. */
  startSsh(options?: LoginOptions): Promise<ClientSession>;
  /** Runs `sftp` with a batch of commands, one a line. */
  sftp(batch: string, options?: LoginOptions): Promise<ClientRun>;
  /** Arguments that an ssh client needs to log in here without asking or remembering anything; without destination. */
  sshArguments(options?: LoginOptions): readonly string[];
}

export interface ClientPlace {
  /** Private folder on the host. */
  readonly folder: string;
  /** Where the server listens. */
  readonly address: string;
  readonly port: number;
  readonly users: readonly LabUser[];
  readonly keys: LabKeys;
}

/**
 * Answers one password prompt: prints the first line of $LAB_ANSWERS and takes it out. How long it took, µs of Unix time,
 * goes into $LAB_ANSWERS.times; by builtins, for starting programs takes time.
 */
const ASKPASS = `#!/bin/bash
began=\${EPOCHREALTIME/./}
[ "$LAB_THINK" = 0 ] || sleep "$LAB_THINK"
mapfile -t answers < "$LAB_ANSWERS"
printf '%s\\n' "\${answers[0]}"
printf '%s\\n' "\${answers[@]:1}" > "$LAB_ANSWERS"
echo "$began \${EPOCHREALTIME/./}" >> "$LAB_ANSWERS.times"
`;

/** The clients of one laboratory. */
export function makeClient(place: ClientPlace): Client {
  let calls = 0;

  /** Environment of a client; passwords by a file that only root can read. */
  async function environment(options: LoginOptions): Promise<Record<string, string>> {
    calls += 1;
    const env: Record<string, string> = {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: place.folder,
      TERM: 'xterm',
      ...options.env,
    };
    if (options.passwords === undefined) return env;
    const askpass = join(place.folder, `askpass-${calls}`);
    const answers = join(place.folder, `answers-${calls}`);
    await writeFile(answers, options.passwords.map((password) => `${password}\n`).join(''), { mode: 0o600 });
    await writeFile(askpass, ASKPASS);
    await chmod(askpass, 0o700);
    return {
      ...env,
      LAB_ANSWERS: answers,
      LAB_THINK: String(options.thinkSeconds ?? 0),
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: 'force',
      DISPLAY: ':none',
    };
  }

  function sshArguments(options: LoginOptions = {}): readonly string[] {
    const keys = options.keys ?? (options.passwords === undefined ? [place.keys.good] : []);
    const passwords = options.passwords ?? [];
    const methods = [keys.length > 0 ? 'publickey' : [], passwords.length > 0 ? 'password' : []].flat().join(',');
    // The first value of a keyword wins.
    const config = [
      ...(options.config ?? []),
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'GlobalKnownHostsFile=/dev/null',
      'UpdateHostKeys=no',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      `PreferredAuthentications=${options.methods ?? (methods || 'none')}`,
      ...(keys.length > 0 ? [] : ['PubkeyAuthentication=no']),
      passwords.length > 0 ? `NumberOfPasswordPrompts=${passwords.length}` : 'BatchMode=yes',
    ];
    return ['-F', '/dev/null', ...config.flatMap((one) => ['-o', one]), ...keys.flatMap((key) => ['-i', key.path])];
  }

  async function startSsh(options: LoginOptions = {}): Promise<ClientSession> {
    const args = [
      '-v',
      ...sshArguments(options),
      ...['-p', String(place.port)],
      ...(options.pty === undefined ? [] : [options.pty ? '-tt' : '-T']),
      ...(options.args ?? []),
      ...['-l', options.user ?? 'alice', place.address],
      ...(options.command === undefined ? [] : [options.command]),
    ];
    return startClient('ssh', args, await environment(options));
  }

  return {
    sshArguments,
    startSsh,
    async ssh(options = {}) {
      const session = await startSsh(options);
      session.end(options.stdin);
      return session.finished;
    },
    async sftp(batch, options = {}) {
      const env = await environment(options);
      const path = join(place.folder, `batch-${calls}`);
      await writeFile(path, batch);
      const host = place.address.includes(':') ? `[${place.address}]` : place.address;
      const destination = `${options.user ?? 'alice'}@${host}`;
      const args = ['-v', '-b', path, ...sshArguments(options), '-P', String(place.port), destination];
      const session = startClient('sftp', args, env);
      session.end();
      return session.finished;
    },
  };
}
