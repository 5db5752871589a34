/** A pod of the DaemonSet without a cluster: its containers by podman, with the rights, arguments and volumes of the manifest. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DaemonSet } from 'kubernetes-types/apps/v1.d.ts';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { type ChildOutput, runChild } from '../../agent/source/child-process.ts';

const COMMAND_MS = 60_000;
/** The profile that podman has, and that of containerd is made from. */
const PROFILE = '/usr/share/containers/seccomp.json';
/** runc wants to raise limits to podman's defaults, which takes a right that root may lack; Kubernetes sets none. */
export const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
`;

export interface RunningContainer {
  /** 64 hex digits. */
  readonly id: string;
  /** As the machine sees it. */
  readonly pid: number;
  exec(...command: readonly string[]): Promise<ChildOutput>;
  logs(): Promise<string>;
  /** Waits as Kubernetes does, then kills. @returns its exit status */
  stop(graceSeconds: number): Promise<number>;
}

export interface Pod {
  /** @param env variables that are not as in the manifest */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<RunningContainer>;
  remove(): Promise<void>;
}

/** @param files content of config maps and secrets, by volume and name */
export function makePod(
  image: string,
  daemonset: DaemonSet,
  files: Readonly<Record<string, Record<string, string>>>,
): Pod {
  const spec = daemonset.spec?.template.spec;
  if (spec === undefined) throw new Error('no pod in it');
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-pod-'));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'containers.conf'), CONTAINERS_CONF);
  writeFileSync(join(folder, 'seccomp.json'), runtimeDefault());
  makeVolumes(folder, spec, files);
  const env = { ...(process.env as Record<string, string>), CONTAINERS_CONF: join(folder, 'containers.conf') };
  const ids: string[] = [];
  const pids: number[] = [];

  const podman = (args: readonly string[]) =>
    runChild({ command: 'podman', args: ['--runtime', 'runc', ...args], env }, COMMAND_MS);
  const must = async (args: readonly string[]) => {
    const { code, reason, stdout, stderr } = await podman(args);
    if (code !== 0) throw new Error(`podman ${args.join(' ')} ${reason}: ${stderr}`);
    return stdout.trim();
  };

  return {
    async start(name, given = {}) {
      const container = spec.containers.find((each) => each.name === name);
      if (container === undefined) throw new Error(`no container ${name}`);
      // Containers of a pod share one network; this one reaches nothing but itself.
      const mate = pids.find((pid) => existsSync(`/proc/${pid}/ns/net`));
      const network = mate === undefined ? 'none' : `ns:/proc/${mate}/ns/net`;
      const id = await must([
        ...['run', '--detach', '--network', network, '--security-opt', `seccomp=${join(folder, 'seccomp.json')}`],
        ...rightsOf(spec, container),
        ...environmentOf(container, given),
        ...mountsOf(folder, container),
        ...(container.command === undefined ? [] : ['--entrypoint', JSON.stringify(container.command)]),
        image,
        ...(container.args ?? []),
      ]);
      ids.push(id);
      const inspect = (what: string) => must(['inspect', '--format', what, id]);
      const pid = Number(await inspect('{{.State.Pid}}'));
      pids.push(pid);
      return {
        id,
        pid,
        exec: (...command) => podman(['exec', id, ...command]),
        async logs() {
          const { stdout, stderr } = await podman(['logs', id]);
          return stdout + stderr;
        },
        async stop(graceSeconds) {
          await must(['stop', '--time', String(graceSeconds), id]);
          return Number(await inspect('{{.State.ExitCode}}'));
        },
      };
    },
    async remove() {
      if (ids.length > 0) await podman(['rm', '--force', '--time', '1', ...ids]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Each right of the manifest, and none besides. */
function rightsOf(spec: PodSpec, { securityContext, resources }: Container): string[] {
  const { capabilities, runAsUser, runAsGroup } = securityContext ?? {};
  const group = spec.securityContext?.fsGroup;
  return [
    '--user',
    `${runAsUser}:${runAsGroup}`,
    ...(group === undefined ? [] : ['--group-add', String(group)]),
    ...(spec.hostPID === true ? ['--pid', 'host'] : []),
    ...(securityContext?.readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(securityContext?.allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges'] : []),
    ...(capabilities?.drop ?? []).map((name) => `--cap-drop=${name}`),
    ...(capabilities?.add ?? []).map((name) => `--cap-add=${name}`),
    `--memory=${String(resources?.limits?.['memory']).replace(/Mi$/, 'm')}`,
  ];
}

/** Values with `$(NAME)` put in as Kubernetes does. */
function environmentOf({ env }: Container, given: Readonly<Record<string, string>>): string[] {
  const known: Record<string, string> = {};
  for (const { name, value } of env ?? [])
    known[name] =
      given[name] ?? (value ?? '').replace(/\$\(([A-Z_]+)\)/g, (whole, other: string) => known[other] ?? whole);
  return Object.entries(known).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}

function mountsOf(folder: string, { volumeMounts }: Container): string[] {
  return (volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }) => [
    '--volume',
    `${join(folder, 'volumes', name)}:${mountPath}${readOnly === true ? ':ro' : ''}`,
  ]);
}

/** As the kubelet makes them: of root and the pod's group. */
function makeVolumes(folder: string, spec: PodSpec, files: Readonly<Record<string, Record<string, string>>>): void {
  const group = spec.securityContext?.fsGroup ?? 0;
  for (const { name, secret, emptyDir } of spec.volumes ?? []) {
    const volume = join(folder, 'volumes', name);
    mkdirSync(volume, { recursive: true });
    chownSync(volume, 0, group);
    chmodSync(volume, emptyDir === undefined ? 0o2755 : 0o2777);
    for (const [file, text] of Object.entries(files[name] ?? {})) {
      writeFileSync(join(volume, file), text);
      chownSync(join(volume, file), 0, group);
      chmodSync(join(volume, file), secret?.defaultMode ?? 0o644);
    }
  }
}

/** What containerd and newer podmans allow: the two calls to whoever has the capability. Older podmans ask for CAP_SYS_ADMIN. */
export function runtimeDefault(): string {
  const profile = JSON.parse(readFileSync(PROFILE, 'utf8')) as { syscalls: { names: string[] }[] };
  const gated = { bpf: 'CAP_BPF', perf_event_open: 'CAP_PERFMON' };
  for (const rule of profile.syscalls) rule.names = rule.names.filter((name) => !(name in gated));
  const rules = Object.entries(gated).map(([name, capability]) => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: [],
    includes: { caps: [capability] },
    excludes: {},
  }));
  return JSON.stringify({ ...profile, syscalls: [...profile.syscalls, ...rules] });
}
