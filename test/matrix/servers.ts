/** Real servers of several OpenSSH versions: the machine's own, and Debian's packages in folders of their own. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../../agent/source/child-process.ts';

export interface Server {
  /** `9.2`: what the matrix calls it. */
  readonly id: string;
  /** As `ssh -V` says, for instance `OpenSSH_10.0p2 Debian-7+deb13u4`. */
  readonly version: string;
  /** Where it comes from, for people. */
  readonly source: string;
  /** Absent: the machine's own root. */
  readonly root?: string | undefined;
  readonly family: 'A' | 'B' | 'C';
}

const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;

const PACKAGES =
  'openssh-server,openssh-client,openssh-sftp-server,sudo,procps,libpam-modules,perl-base,rsync,tmux,git';

/** Where the servers are kept between runs: `MATRIX_CACHE`, else the user's cache folder. */
export function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return process.env['MATRIX_CACHE'] ?? join(cache, 'sshd-otel', 'servers');
}

/**
 * All servers that there are, oldest first; those that are not in the cache are built if `build` says so.
 * @param say told of what is built, and of what can't be had, a line each
 */
export async function findServers(build: boolean, say: (line: string) => void): Promise<Server[]> {
  const own = await serverAt(undefined, "the machine's own");
  const servers = own === undefined ? [] : [own];
  for (const suite of SUITES) {
    if (suite === 'bookworm' && own?.id === '9.2') continue;
    const root = join(cacheFolder(), suite);
    if (!existsSync(root)) {
      if (!build) continue;
      const failure = await buildServer(suite, root, say);
      if (failure !== undefined) {
        say(`skipped: Debian ${suite} cannot be had: ${failure}`);
        continue;
      }
    }
    const server = await serverAt(root, `Debian ${suite}`);
    if (server === undefined) say(`skipped: no sshd that runs in ${root}`);
    else servers.push(server);
  }
  return servers.sort((a, b) => Number(a.id) - Number(b.id));
}

async function serverAt(root: string | undefined, source: string): Promise<Server | undefined> {
  const args = root === undefined ? ['ssh', '-V'] : ['chroot', root, 'ssh', '-V'];
  const asked = await runChild({ command: args[0] ?? '', args: args.slice(1) }, 10_000);
  const version = /^(OpenSSH_(\d+\.\d+)[^,]*)/.exec(asked.stderr);
  if (version === null || !existsSync(`${root ?? ''}/usr/sbin/sshd`)) return undefined;
  const id = version[2] ?? '';
  const number = Number(id);
  const family = number >= 10 ? 'C' : number >= 9.8 ? 'B' : 'A';
  return { id, version: version[1] ?? '', source, root, family };
}

/** Resolves with why it failed, or undefined. A folder that is there is whole. */
async function buildServer(suite: string, root: string, say: (line: string) => void): Promise<string | undefined> {
  const mirror = await debianMirror();
  if (mirror === undefined) return 'this machine has no Debian mirror configured';
  await mkdir(cacheFolder(), { recursive: true });
  say(`building the server of Debian ${suite} in ${root}: a minute or two`);
  const partial = `${root}.partial`;
  await rm(partial, { recursive: true, force: true });
  const args = ['--variant=minbase', `--include=${PACKAGES}`, suite, partial, mirror];
  const made = await runChild({ command: 'debootstrap', args }, 900_000);
  if (made.code !== 0) return `debootstrap ${made.reason}: ${made.stdout.trim().split('\n').at(-1) ?? ''}`;
  await rename(partial, root);
  return undefined;
}

/** The mirror that apt uses for the machine's own packages. */
async function debianMirror(): Promise<string | undefined> {
  const args = ['indextargets', '--format', '$(SITE) $(RELEASE) $(ORIGIN)', 'Created-By: Packages'];
  const told = await runChild({ command: 'apt-get', args }, 30_000);
  const rows = told.stdout.split('\n').map((line) => line.split(' '));
  return rows.find(([, release, origin]) => origin === 'Debian' && /^[a-z]+$/.test(release ?? ''))?.[0];
}
