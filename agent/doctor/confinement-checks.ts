/** What around this process may forbid tracing, or hide the host from it: one line each, so that the layer that refuses is named. */
import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Host } from './host.ts';

/** All ids mapped to themselves: the initial user namespace (user_namespaces(7)). */
const INITIAL_UID_MAP = /^\s*0\s+0\s+4294967295\s*$/;
/** From it on BPF memory is accounted to the cgroup, not to RLIMIT_MEMLOCK (Linux 5.11, "bpf: Switch to memcg-based memory accounting"). */
const MEMCG_KERNEL = [5, 11] as const;
/** Enough for the maps and the ring of either producer. */
const LEAST_LOCKED_BYTES = 64 * 1024 * 1024;
/** Where the producer's socket unit listens. */
const SOCKET = '/run/sshd-otel/producer.sock';

export function checkUserNamespace(host: Host): Finding {
  const map = host.readText('/proc/self/uid_map');
  if (map === undefined) return note('user namespace', 'not known');
  if (INITIAL_UID_MAP.test(map.trimEnd())) return ok('user namespace', 'the initial one');
  return fail(
    'user namespace',
    'not the initial one: capabilities in it do not count for tracing',
    'start it outside: no --userns, no rootless container, PrivateUsers=no for the producer',
  );
}

/** A filter may forbid bpf(2); whether this one does is told by the producers. */
export function checkSeccomp(host: Host): Finding {
  const mode = /^Seccomp:\s*(\d)$/m.exec(host.readText('/proc/self/status') ?? '')?.[1];
  if (mode === undefined) return note('seccomp', 'not known');
  if (mode === '0') return ok('seccomp', 'no filter');
  return note(
    'seccomp',
    'a filter is in force: if a producer below is refused although the rights are there, let it allow bpf',
  );
}

/** Only old kernels count it. */
export function checkLockedMemory(host: Host): Finding {
  const [major = 0, minor = 0] = (host.readText('/proc/sys/kernel/osrelease') ?? '').split('.').map(Number.parseFloat);
  const [least, leastMinor] = MEMCG_KERNEL;
  if (major > least || (major === least && minor >= leastMinor)) return ok('locked memory', 'no limit for BPF');
  const limit = /^Max locked memory\s+(\S+)/m.exec(host.readText('/proc/self/limits') ?? '')?.[1];
  if (limit === undefined) return note('locked memory', 'its limit is not known');
  if (limit === 'unlimited' || Number(limit) >= LEAST_LOCKED_BYTES) return ok('locked memory', `limit ${limit}`);
  return warn(
    'locked memory',
    `this kernel counts BPF memory, and the limit is ${limit} bytes`,
    'ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit',
  );
}

/** Who may not see other processes sees no sshd either. */
export function checkProcMount(host: Host): Finding {
  const line = (host.readText('/proc/self/mountinfo') ?? '')
    .split('\n')
    .find((each) => / \/proc .* - proc /.test(each));
  const hidden = /hidepid=(\w+)/.exec(line ?? '')?.[1];
  if (hidden === undefined || hidden === '0' || hidden === 'off') return ok('proc', 'processes of others are seen');
  if (host.uid === 0) return note('proc', `hidepid=${hidden}: no hindrance for root`);
  return warn(
    'proc',
    `hidepid=${hidden}: sshds that run already are not seen`,
    'give the producer CAP_SYS_PTRACE, or the group of gid=',
  );
}

export function checkContainer(host: Host): Finding {
  const kind = host.readText('/run/systemd/container')?.trim();
  if (kind !== undefined && kind !== '') return note('container', `this runs in one: ${kind}`);
  if (host.stat('/.dockerenv') !== undefined) return note('container', 'this runs in one: docker');
  if (host.stat('/run/.containerenv') !== undefined) return note('container', 'this runs in one: podman');
  return ok('container', 'none is to be seen');
}

/** Of no matter for root and for whoever has the capabilities; told since others ask for it first. */
export function checkSettings(host: Host): Finding {
  const value = (name: string): string => host.readText(`/proc/sys/kernel/${name}`)?.trim() ?? 'unknown';
  const probes = host.stat('/sys/kernel/tracing/kprobe_events') === undefined ? 'without' : 'with';
  return note(
    'settings',
    `unprivileged_bpf_disabled ${value('unprivileged_bpf_disabled')}, perf_event_paranoid ` +
      `${value('perf_event_paranoid')}, ${probes} kprobes: none of it matters here`,
  );
}

export function checkCgroups(host: Host): Finding {
  const mounts = host.readText('/proc/self/mountinfo') ?? '';
  const has = (type: string): boolean => mounts.includes(` - ${type} `);
  if (has('cgroup2')) return note('cgroups', has('cgroup') ? 'version 1 beside version 2' : 'version 2');
  return note('cgroups', has('cgroup') ? 'version 1' : 'none mounted');
}

/** Both may refuse bpf(2) to a confined service; neither does so to an unconfined one. */
export function checkSecurityModules(host: Host): Finding {
  const enforced = host.readText('/sys/fs/selinux/enforce')?.trim();
  const apparmor = host.readText('/sys/module/apparmor/parameters/enabled')?.trim();
  const own = host.readText('/proc/self/attr/current')?.replaceAll('\0', '').trim() ?? '';
  if (apparmor === 'Y' && / \(enforce\)$/.test(own))
    return warn(
      'security modules',
      `AppArmor confines this process: ${own}`,
      'let the profile allow capability bpf and perfmon',
    );
  if (enforced === '1')
    return note('security modules', 'SELinux enforces: its log (ausearch -m avc) tells if it refuses bpf');
  if (enforced === '0') return note('security modules', 'SELinux is permissive');
  return note('security modules', apparmor === 'Y' ? 'AppArmor, not for this process' : 'none is to be seen');
}

/** Only where producer and agent are two services. */
export function checkSocket(host: Host): Finding {
  const found = host.stat(SOCKET);
  if (found === undefined) return note('socket', `no ${SOCKET}: the two services do not run here`);
  if (found.uid !== 0)
    return fail(
      'socket',
      `${SOCKET} belongs to uid ${found.uid}: its events may be forged`,
      `rm ${SOCKET}; systemctl restart sshd-otel-producer.socket`,
    );
  if ((found.mode & 0o007) !== 0)
    return fail('socket', `${SOCKET} is open to everybody`, `SocketMode=0660 in the unit; chmod 660 ${SOCKET}`);
  return ok('socket', SOCKET);
}
