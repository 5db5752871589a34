/**
 * The laboratory: a private sshd on loopback with its own users, keys, homes, log and terminals, in a mount namespace of
 * its own. The host's sshd service and account files are never touched, and nothing is left behind, also when the caller
 * is killed. Needs root, util-linux, perl and OpenSSH's server and client.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../source/child-process.ts';
import { type AccountFiles, accountFiles, type LabUser, makeUsers, SUDOERS } from './accounts.ts';
import { type Client, makeClient } from './client.ts';
import { whenOnly } from './inhabitants.ts';
import { startKeeper } from './keeper.ts';
import { type LabKeys, makeKey, makeKeys } from './keys.ts';
import { freePort, whenListened } from './ports.ts';
import { authorizedKeysCommand, INSIDE, type SshdConfig, sshdConfig } from './sshd-config.ts';
import type { LogLine } from './witness-log.ts';

export interface LabOptions {
  /** Path of the server's binary, inside `root` if that is given. Default `/usr/sbin/sshd`. */
  readonly sshd?: string | undefined;
  /** Another system's root folder (as debootstrap makes it) to run the server in; nothing in it is changed. */
  readonly root?: string | undefined;
  /** Keywords of sshd_config that differ from the laboratory's own, see `sshd-config.ts`. */
  readonly config?: SshdConfig | undefined;
  /** How long an AuthorizedKeysCommand takes. Default 0.4. */
  readonly authorizedKeysSeconds?: number | undefined;
  /** Lines put before the machine's own `/etc/pam.d/sshd`. */
  readonly pam?: readonly string[] | undefined;
  /** Where it listens and clients connect to: `127.0.0.1` or `::1`. Default `127.0.0.1`. */
  readonly address?: '127.0.0.1' | '::1' | undefined;
  /** Runs the server under strace; `straceOutput` reads what it wrote. A list: calls that it shows beside its own. */
  readonly strace?: boolean | readonly string[] | undefined;
  /** More files for `/run/lab`, by path inside it; executable, owned by root. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** On how many ports it listens. Default 1. */
  readonly ports?: number | undefined;
  /** Something else starts the server, and may listen for it. Default: it is started and listens itself. */
  readonly launch?: ((launch: LabLaunch) => readonly string[]) | undefined;
}

/** What a launcher makes its command of. */
export interface LabLaunch {
  /** Command with which it enters the foreign root folder, if there is one. */
  readonly enter: readonly string[];
  /** Path of the server, and its configuration; as they are inside. */
  readonly sshd: string;
  readonly config: string;
  readonly address: string;
  readonly ports: readonly number[];
}

/** A running laboratory. */
export interface Lab extends Client {
  readonly port: number;
  /** All that it listens on, `port` first. */
  readonly ports: readonly number[];
  /** The listener, as the host numbers it; the launcher where that listens. */
  readonly listenerPid: number;
  readonly users: Readonly<Record<'alice' | 'bob' | 'carol' | 'dave' | 'root', LabUser>>;
  readonly keys: LabKeys;
  /** On the host, private, removed at the end: for control sockets, batch files and the like. */
  readonly folder: string;
  /** What `/` inside the laboratory's namespace (and root folder) is to the host. */
  readonly insideRoot: string;
  /** All that was sent to the laboratory's /dev/log so far. */
  log(): readonly LogLine[];
  /** The first line, past or to come, that matches. @throws Error after `timeoutMs` (default 20,000) */
  waitForLog(pattern: RegExp, timeoutMs?: number): Promise<LogLine>;
  /** Text that strace has written so far, with the end of every process that has ended. */
  straceOutput(): Promise<string>;
  /** Resolves when every connection has ended and nobody is left but the listener. @throws Error after `timeoutMs` (default 20,000) */
  settled(timeoutMs?: number): Promise<void>;
  /** Ends everything and removes everything. */
  stop(): Promise<void>;
}

const SSHD = '/usr/sbin/sshd';

/** Forks, execs, exits and whose they are, each value whole: enough to say what ran, for whom, where, and how it ended. */
const STRACE = ['strace', '-D', '-f', '-T', '-ttt', '-xx', '-s', '200000', '--pidns-translation'];
const STRACED = 'execve,execveat,clone,clone3,fork,vfork,accept,accept4,listen,setsid,setresuid';

function straceCommand(asked: LabOptions['strace'], output: string): string[] {
  if (asked === undefined || asked === false) return [];
  const calls = asked === true ? [] : asked;
  return [...STRACE, '-e', `trace=${[STRACED, ...calls].join(',')}`, '-o', output];
}

/**
 * Starts a laboratory; resolves when its sshd listens.
 * @throws Error that says what was missing or failed
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('a private sshd needs root');
  const folder = await mkdtemp(join(tmpdir(), 'sshd-otel-lab-'));
  try {
    return await startIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string, options: LabOptions): Promise<Lab> {
  const root = options.root ?? '';
  const users = makeUsers(() => randomBytes(9).toString('base64url'));
  const keys = await makeKeys(folder);
  const address = options.address ?? '127.0.0.1';
  const ports: number[] = [];
  while (ports.length < (options.ports ?? 1)) ports.push(await freePort(address));
  const [port = 0] = ports;
  const knowsPenalties = await knowsKeyword(root, options.sshd ?? SSHD, 'PerSourcePenalties=no');
  // From 9.8 on a server shuts out an address that fails often; the laboratory's clients all have the same.
  const config = { ...(knowsPenalties ? { PerSourcePenalties: 'no' } : {}), ...options.config };
  await prepareInside(
    join(folder, 'inside'),
    users,
    keys,
    sshdConfig(ports, { ListenAddress: address, ...config }),
    options,
  );

  const strace = straceCommand(options.strace, `${root}${INSIDE}/strace`);
  const enter = root === '' ? [] : ['chroot', root];
  const sshd = options.sshd ?? SSHD;
  const file = `${INSIDE}/sshd_config`;
  const launched = options.launch?.({ enter, sshd, config: file, address, ports });
  const keeper = startKeeper(folder, root, [...strace, ...(launched ?? [...enter, sshd, '-D', '-f', file])]);
  const insideRoot = `/proc/${keeper.pid}/root${root}`;
  const failed = keeper.ended.then((reason) => Promise.reject(new Error(`the laboratory ended: ${reason}`)));
  failed.catch(() => undefined);
  const isListening = /^Server listening on/;
  const ready =
    launched === undefined
      ? keeper.log.waitFor(/^Server listening on|sshd is gone/).then((line) => line.pid)
      : whenListened(ports).then(() => keeper.started);
  const listenerPid = await Promise.race([ready, failed]);
  const residents = () => [
    ...(listenerPid === undefined ? [] : [listenerPid]),
    ...keeper.log.lines().flatMap(({ pid, text }) => (pid !== undefined && isListening.test(text) ? [pid] : [])),
  ];
  if (listenerPid === undefined) {
    await keeper.stop();
    throw new Error(`the private sshd did not start: ${await keeper.ended}`);
  }
  return {
    ...makeClient({ folder, address, port, users, keys }),
    port,
    ports,
    listenerPid,
    users: Object.fromEntries(users.map((user) => [user.name, user])) as Lab['users'],
    keys,
    folder,
    insideRoot,
    log: () => keeper.log.lines(),
    waitForLog: (pattern, timeoutMs) => keeper.log.waitFor(pattern, timeoutMs),
    straceOutput: () => wholeStrace(`${insideRoot}${INSIDE}/strace`),
    settled: (timeoutMs = 20_000) => whenOnly(residents, keeper.pid, timeoutMs),
    async stop() {
      await keeper.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** strace is woken a moment after everybody else: waits until it has told the end of all that are gone. */
async function wholeStrace(path: string): Promise<string> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const text = await readFile(path, 'latin1');
    const ended = new Set([...text.matchAll(/^(\d+) +\S+ \+\+\+ /gm)].map((match) => match[1]));
    const others = new Set([...text.matchAll(/^(\d+) /gm)].map((match) => match[1]).filter((pid) => !ended.has(pid)));
    const living = await Promise.all([...others].map((pid) => readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)));
    if (living.every((namespace) => namespace !== undefined) || performance.now() > deadline) return text;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Writes what the set-up copies to `/run/lab`. */
async function prepareInside(
  inside: string,
  users: readonly LabUser[],
  keys: LabKeys,
  config: string,
  options: LabOptions,
): Promise<void> {
  const root = options.root ?? '';
  const accounts = await makeAccounts(root, users);
  await mkdir(join(inside, 'etc/pam.d'), { recursive: true });
  await mkdir(join(inside, 'keys'));
  const pam = await readFile(`${root}/etc/pam.d/sshd`, 'utf8').catch(() => undefined);
  const good = `${keys.good.publicLine}\n`;
  const files: [path: string, mode: number, text: string][] = [
    ['sshd_config', 0o644, config],
    ['authorized-keys', 0o755, authorizedKeysCommand(options.authorizedKeysSeconds ?? 0.4)],
    ['homes', 0o644, accounts.homes],
    ['etc/passwd', 0o644, accounts.passwd],
    ['etc/group', 0o644, accounts.group],
    ['etc/shadow', 0o600, accounts.shadow],
    ['etc/sudoers', 0o440, SUDOERS],
    ...['alice', 'bob', 'carol', 'root'].map((name): [string, number, string] => [`keys/${name}`, 0o644, good]),
    ...Object.entries(options.files ?? {}).map(([path, text]): [string, number, string] => [path, 0o755, text]),
  ];
  if (pam !== undefined) files.push(['etc/pam.d/sshd', 0o644, [...(options.pam ?? []), pam].join('\n')]);
  for (const [path, mode, text] of files) {
    await writeFile(join(inside, path), text);
    await chmod(join(inside, path), mode);
  }
  await makeKey(join(inside, 'host_key'), 'ed25519');
}

async function makeAccounts(root: string, users: readonly LabUser[]): Promise<AccountFiles> {
  const named = users.filter((user) => user.password !== undefined);
  const hash = 'print crypt($_, sprintf "\\$6\\$%08x\\$", int rand 2**32), "\\n" for split / /, $ENV{PASSWORDS}';
  // By the environment: arguments can be read by everyone.
  const env = { PASSWORDS: named.map((user) => user.password).join(' ') };
  const hashed = await runChild({ command: '/usr/bin/perl', args: ['-e', hash], env }, 10_000);
  if (hashed.code !== 0) throw new Error(`perl ${hashed.reason}: ${hashed.stderr.trim()}`);
  const hashes = hashed.stdout.trim().split('\n');
  const [passwd, group] = await Promise.all(['passwd', 'group'].map((file) => readFile(`${root}/etc/${file}`, 'utf8')));
  const byName = new Map(named.map((user, index) => [user.name, hashes[index] ?? '*']));
  return accountFiles(users, byName, { passwd: passwd ?? '', group: group ?? '' });
}

/** Whether the server takes a line of configuration: it reads all of it before it looks for anything else. */
async function knowsKeyword(root: string, sshd: string, line: string): Promise<boolean> {
  const command = [...(root === '' ? [] : ['chroot', root]), sshd, '-t', '-f', '/dev/null', '-o', line];
  const tried = await runChild({ command: command[0] ?? sshd, args: command.slice(1) }, 10_000);
  if (tried.code === undefined) throw new Error(`${sshd} ${tried.reason}`);
  return !tried.stderr.includes('Bad configuration option');
}
