/** Can this kernel be traced, by us, from here? */
import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Host } from './host.ts';

/** Ring buffers for BPF came with it (include/uapi/linux/bpf.h, BPF_MAP_TYPE_RINGBUF). */
const LEAST_KERNEL = [5, 8] as const;
/** Inode of the initial pid namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';
/** Numbers of capabilities (include/uapi/linux/capability.h). */
const CAPABILITIES = { CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;

export function checkKernel(host: Host): Finding {
  const release = host.readText('/proc/sys/kernel/osrelease')?.trim();
  if (release === undefined) return fail('kernel', '/proc is not mounted', 'mount -t proc proc /proc');
  const [major = 0, minor = 0] = release.split('.').map(Number.parseFloat);
  const [leastMajor, leastMinor] = LEAST_KERNEL;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok('kernel', `Linux ${release}`);
  return fail('kernel', `Linux ${release} is too old`, `boot a kernel from ${leastMajor}.${leastMinor} on`);
}

export function checkTypes(host: Host): Finding {
  if (host.stat('/sys/kernel/btf/vmlinux') !== undefined) return ok('types', 'the kernel tells its types (BTF)');
  if (host.list('/sys/kernel').length === 0) return fail('types', '/sys is not mounted', 'mount -t sysfs sysfs /sys');
  return fail(
    'types',
    'the kernel does not tell its types (/sys/kernel/btf/vmlinux)',
    'boot a kernel with CONFIG_DEBUG_INFO_BTF=y; all of Debian since 11 have it',
  );
}

/** Only bpftrace needs it. */
export function checkTracefs(host: Host): Finding {
  const mounts = host.readText('/proc/self/mountinfo') ?? '';
  const mounted = mounts.split('\n').some((line) => / - (tracefs|debugfs) /.test(line));
  if (mounted) return ok('tracefs', 'mounted');
  return warn('tracefs', 'not mounted: bpftrace will not work', 'mount -t tracefs tracefs /sys/kernel/tracing');
}

export function checkRights(host: Host): Finding {
  const status = host.readText('/proc/self/status') ?? '';
  const has = (field: string, name: keyof typeof CAPABILITIES): boolean => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
    return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
  };
  const can = (field: string): boolean =>
    has(field, 'CAP_SYS_ADMIN') || (has(field, 'CAP_BPF') && has(field, 'CAP_PERFMON'));
  if (can('CapEff')) return ok('rights', 'CAP_BPF and CAP_PERFMON are there');
  if (!can('CapBnd'))
    return fail(
      'rights',
      'CAP_BPF and CAP_PERFMON are outside of what this process may ever have',
      'give them to the container or unit: --cap-add BPF --cap-add PERFMON, or CapabilityBoundingSet=',
    );
  if (host.uid === 0)
    return fail('rights', 'root, but without CAP_BPF and CAP_PERFMON', 'start it without dropping capabilities');
  return warn('rights', 'not root: whether tracing works cannot be tried', 'sudo sshd-otel doctor');
}

export function checkLockdown(host: Host): Finding {
  const text = host.readText('/sys/kernel/security/lockdown');
  if (text === undefined) return note('lockdown', 'none, or not to be seen from here');
  if (text.includes('[confidentiality]'))
    return fail(
      'lockdown',
      'confidentiality: BPF programs may not read the kernel',
      'boot without lockdown=confidentiality',
    );
  return ok('lockdown', text.includes('[integrity]') ? 'integrity: no hindrance' : 'none');
}

/** Pids in the stream are those of the host. */
export function checkNamespace(host: Host): Finding {
  const own = host.link('/proc/self/ns/pid');
  if (own === INITIAL_PID_NAMESPACE) return ok('namespace', "the host's own processes are seen");
  if (own === undefined) return note('namespace', 'not known');
  return warn(
    'namespace',
    "this is a container: the host's processes have other pids here",
    'give it the pid namespace of the host: --pid=host, or hostPID: true',
  );
}
