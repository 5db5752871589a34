/** A Debian that has booted: systemd as process 1, sshd, journal. Throw-away: what it writes is gone with it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildOutput, runChild, startChild } from '../../agent/source/child-process.ts';

/** Whether root folders are made by `make verify-deb` or by hand: see make-root.sh. */
export const ROOTS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel', 'roots');
const BOOT_MS = 60_000;
const COMMAND_MS = 90_000;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Why no container of `suite` can be booted here; undefined: it can. */
export async function whyNoContainer(suite: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'containers need root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'this kernel has no BTF';
  const nspawn = await runChild({ command: 'systemd-nspawn', args: ['--version'] }, 10_000);
  if (nspawn.code !== 0) return 'systemd-nspawn is not installed (package systemd-container)';
  if (!existsSync(join(ROOTS, suite))) return `no root folder of Debian ${suite}: test/deploy/make-root.sh ${suite}`;
  return undefined;
}

export interface Container {
  /** Pid of its process 1, as the machine sees it. */
  readonly leader: number;
  /** Its `/`, as the machine sees it. */
  readonly root: string;
  /** Runs a program inside to its end. */
  run(...command: readonly string[]): Promise<ChildOutput>;
  /** Runs a line of shell inside. @throws Error with what it said, if it fails */
  sh(line: string): Promise<string>;
  /** Starts a program inside. */
  start(...command: readonly string[]): Child;
  /** Starts a program of the machine in the container's network. */
  startOutside(command: string, args: readonly string[]): Child;
  write(path: string, text: string, mode?: number): void;
  /** The machine's pid of a process inside. @throws Error if there is none */
  outerPid(pid: number): number;
  /** Shuts it down and boots it again. @throws Error if it does not come up */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

/** Boots the root folder of `suite`. @throws Error if it does not come up */
export async function bootContainer(suite: string): Promise<Container> {
  const folder = await mkdtemp(join(tmpdir(), `sshd-otel-${suite}-`));
  const root = join(folder, 'root');
  // A file system of its own: an overlay cannot lie on another overlay.
  await must('mount', ['-t', 'tmpfs', 'sshd-otel-test', folder]);
  for (const name of ['root', 'upper', 'work']) mkdirSync(join(folder, name), { mode: 0o755 });
  const layers = `lowerdir=${join(ROOTS, suite)},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`;
  await must('mount', ['-t', 'overlay', 'overlay', '-o', layers, root]);
  writeFileSync(join(root, 'etc/machine-id'), '');
  const nspawn = startNspawn(root);
  const remove = async () => {
    await runChild({ command: 'umount', args: ['--recursive', '--lazy', folder] }, 10_000);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const container = containerOf(nspawn, await leaderOf(nspawn), root, remove);
    await untilBooted(container);
    return container;
  } catch (error) {
    await nspawn.stop('SIGTERM');
    await remove();
    throw new Error(`${String(error)}\n${nspawn.stderrTail()}`);
  }
}

function startNspawn(root: string): Child {
  const nspawn = startChild({
    command: 'systemd-nspawn',
    args: [
      ...['--quiet', '--register=no', '--keep-unit', '--boot', '--private-network', '--console=pipe'],
      ...['--capability=CAP_BPF,CAP_PERFMON', '--system-call-filter=bpf perf_event_open', '--directory', root],
    ],
    // Of the first version of cgroups it would get a tree that it cannot write to; newer systemd refuses it anyway.
    env: { PATH: process.env['PATH'] ?? PATH, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
    detached: true,
  });
  // The console has to be read, or the boot would stand still.
  nspawn.stdout?.resume();
  return nspawn;
}

function containerOf(started: Child, first: number, root: string, remove: () => Promise<void>): Container {
  let nspawn = started;
  let leader = first;
  const enter = () => ['-t', String(leader), '-a', 'env', '-i', `PATH=${PATH}`, 'LC_ALL=C.UTF-8', 'HOME=/root'];
  const run: Container['run'] = (...command) =>
    runChild({ command: 'nsenter', args: [...enter(), ...command] }, COMMAND_MS);
  const container: Container = {
    get leader() {
      return leader;
    },
    root,
    run,
    start: (...command) => startChild({ command: 'nsenter', args: [...enter(), ...command], stdin: 'pipe' }),
    async sh(line) {
      const { code, reason, stdout, stderr } = await run('sh', '-c', line);
      if (code !== 0) throw new Error(`${line}: ${reason}\n${stdout}${stderr}`);
      return stdout.trim();
    },
    startOutside: (command, args) =>
      startChild({ command: 'nsenter', args: [`--net=/proc/${leader}/ns/net`, command, ...args], stdin: 'pipe' }),
    write: (path, text, mode = 0o644) => writeFileSync(join(root, path), text, { mode }),
    outerPid: (pid) => outerPid(leader, pid),
    async reboot() {
      await run('systemctl', 'reboot');
      // It is nspawn's caller who decides whether there is a next boot.
      await nspawn.exited;
      nspawn = startNspawn(root);
      leader = await leaderOf(nspawn);
      await untilBooted(container);
    },
    async stop() {
      // SIGRTMIN+4 would be the polite way; whatever it writes is thrown away. It outlives a killed nspawn.
      await runChild({ command: 'kill', args: ['-KILL', String(leader)] }, 10_000);
      await nspawn.stop();
      await remove();
    },
  };
  return container;
}

/** The first process in the new pid namespace, once it is systemd and no longer nspawn. */
async function leaderOf(nspawn: Child): Promise<number> {
  const { pid } = nspawn;
  const deadlineMs = performance.now() + BOOT_MS;
  while (performance.now() < deadlineMs) {
    const found = readNamespacePids(pid ?? 0).find(([outer, pids]) => pids.at(-1) === 1 && commOf(outer) === 'systemd');
    if (found !== undefined) return found[0];
    await sleep(50);
  }
  throw new Error('no process 1 came up');
}

function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return '';
  }
}

async function untilBooted(container: Container): Promise<void> {
  const deadlineMs = performance.now() + BOOT_MS;
  let state = '';
  while (performance.now() < deadlineMs) {
    state = (await container.run('systemctl', 'is-system-running')).stdout.trim();
    if (state === 'running') break;
    if (state === 'degraded') break;
    await sleep(100);
  }
  if (state !== 'running')
    throw new Error(`not booted: ${state}\n${(await container.run('systemctl', '--failed')).stdout}`);
  await container.sh('ip link set lo up');
}

function outerPid(leader: number, inner: number): number {
  const inside = readNamespacePids(leader);
  const found = inside.find(([, pids]) => pids.at(-1) === inner);
  if (found === undefined) throw new Error(`no process ${inner} in the container`);
  return found[0];
}

/** Pids of all processes below `leader`, each with its pids in all namespaces. */
function readNamespacePids(leader: number): [number, number[]][] {
  const found: [number, number[]][] = [];
  const open = [leader];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      found.push([pid, (/^NSpid:\t(.*)$/m.exec(status)?.[1] ?? '').split('\t').map(Number)]);
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
      open.push(...children.split(' ').filter(Boolean).map(Number));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, reason, stderr } = await runChild({ command, args }, 10_000);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ${reason}: ${stderr}`);
}
