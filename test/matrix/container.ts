/** A container for a server: namespaces and a cgroup of its own, called as a container runtime calls it. */
import { mkdtempSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { mkdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Lab, LabLaunch } from '../../agent/lab/lab.ts';
import type { LogLine } from '../../agent/lab/witness-log.ts';
import type { StraceFact } from '../live/witness/strace.ts';
import type { ScenarioLab } from './scenario.ts';

const ID = '5d'.repeat(32);
const POD_UID = '4b8dbc69-2c4e-4f4a-9f1e-2b1f6d0a7c55';
/** As containerd and systemd name the cgroup of a container of a pod, below a folder that is the cell's own. */
const NAMES = [
  'kubepods.slice',
  `kubepods-besteffort-pod${POD_UID.replaceAll('-', '_')}.slice`,
  `cri-containerd-${ID}.scope`,
];

/** What the names above say, as spans are to tell it. */
export const CONTAINER = `${ID} ${POD_UID}`;

const PATIENCE_MS = 10_000;

/** PROC_CGROUP_INIT_INO of include/linux/proc_ns.h. */
const FIRST_NAMESPACE = 'cgroup:[4026531835]';

/** Where the tree of version 2 is mounted. @throws Error if it is nowhere */
function cgroupTree(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const path = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  if (path === undefined) throw new Error('no cgroup2 is mounted here');
  return path;
}

const ownNames = (folder: string) => [basename(folder), ...NAMES];

/** Makes the cgroup, whose name is taken from the cell's folder; and starts the server in it, first process of its pid namespace. */
export async function makeContainer(folder: string): Promise<ScenarioLab> {
  const cgroup = join(cgroupTree(), ...ownNames(folder));
  await mkdir(cgroup, { recursive: true });
  const launch = ({ enter, sshd, config }: LabLaunch): string[] => [
    ...['unshare', '--pid', '--fork', '--kill-child', '--'],
    ...['sh', '-c', 'echo 0 > "$1"; shift; exec "$@"', 'container', join(cgroup, 'cgroup.procs')],
    ...['unshare', '--cgroup', `--mount-proc=${enter[1] ?? ''}/proc`, '--'],
    ...[...enter, sshd, '-D', '-f', config],
  ];
  return { launch };
}

/** Removes it, with all that is still in it. @throws Error if it is not empty in the end */
export async function removeContainer(folder: string): Promise<void> {
  const tree = cgroupTree();
  const paths = ownNames(folder).map((_, index) => join(tree, ...ownNames(folder).slice(0, index + 1)));
  const [inner = ''] = paths.slice(-1);
  await writeFile(join(inner, 'cgroup.kill'), '1').catch(() => undefined); // since Linux 5.14
  await whenIn(inner, (pids) => pids.length === 0);
  for (const path of paths.reverse()) await rmdir(path);
}

/** Resolves when the server has nobody but itself in its container: every connection is over. */
export async function whenAlone(folder: string): Promise<void> {
  await whenIn(join(cgroupTree(), ...ownNames(folder)), (pids) => pids.length === 1);
}

/**
 * What the kernel says of everybody in the container.
 * @throws Error unless all are in the cgroup that was made, in a pid and a mount namespace that are not the laboratory's, and
 *   the first of them is the server
 */
export async function checkContainer(folder: string, lab: Lab): Promise<void> {
  const cgroup = join(cgroupTree(), ...ownNames(folder));
  const pids = await pidsIn(cgroup);
  const namespaces = (pid: number) => Promise.all(['pid', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
  const outside = await namespaces(lab.listenerPid);
  const seen: string[] = [];
  for (const pid of pids) {
    const path = /^0::(.*)$/m.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
    if (path?.endsWith(`/${ownNames(folder).join('/')}`) !== true) throw new Error(`${pid} is in ${path}`);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const [, inner] = /^NSpid:\t\d+\t(\d+)$/m.exec(status) ?? [];
    const [name] = /^Name:\t(.*)$/m.exec(status)?.slice(1) ?? [];
    const own = await namespaces(pid);
    if (inner === undefined || own.some((one, index) => one === outside[index]))
      throw new Error(`${name} ${pid} is in the laboratory’s own namespaces`);
    seen.push(`${inner} ${name}`);
  }
  if (!seen.includes('1 sshd') || seen.length < 3) throw new Error(`in the container there were ${seen.join(', ')}`);
}

/** Why there can be none here; undefined: there can. */
export function noContainer(): string | undefined {
  // From a namespace of our own the cgroup would have a name above it that is not ours to know.
  if (readlinkSync('/proc/self/ns/cgroup') !== FIRST_NAMESPACE) return 'this is not the first cgroup namespace';
  try {
    const probe = mkdtempSync(join(cgroupTree(), 'sshd-otel-matrix-probe-'));
    rmdirSync(probe);
    return undefined;
  } catch {
    return 'no cgroup of version 2 can be made here';
  }
}

/** The log as it would be if sshd numbered processes as the host does: strace knows both numbers. */
export function withHostPids(log: readonly LogLine[], strace: readonly StraceFact[]): readonly LogLine[] {
  const hostPids = new Map<number, number>();
  for (const fact of strace)
    if (fact.kind === 'fork' && fact.innerChild !== undefined) hostPids.set(fact.innerChild, fact.child);
  if (hostPids.size === 0) return log;
  const onHost = (pid: number) => hostPids.get(pid) ?? pid;
  return log.map((line) => ({
    ...line,
    pid: line.pid === undefined ? undefined : onHost(line.pid),
    text: line.text.replace(/^(User child is on pid )(\d+)$/, (_, said, pid) => `${said}${onHost(Number(pid))}`),
  }));
}

async function pidsIn(cgroup: string): Promise<number[]> {
  return (await readFile(join(cgroup, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean).map(Number);
}

async function whenIn(cgroup: string, so: (pids: readonly number[]) => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const pids = await pidsIn(cgroup);
    if (so(pids)) return;
    if (performance.now() > deadline) throw new Error(`after ${PATIENCE_MS} ms in the container: ${pids.join(' ')}`);
    await setTimeout(20);
  }
}
