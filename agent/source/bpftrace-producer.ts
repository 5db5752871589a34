import type { ChildCommand } from './child-process.ts';
import { MAX_FACTS_BYTES } from './proc-facts.ts';
import { MOST_ROOTS, type SeedRoots } from './proc-seeds.ts';

/** What the bpftrace producer is told of the host, and what it is asked for. */
export interface BpftraceOptions {
  /** Path of `sshd-otel.bt`. */
  readonly script: string;
  /** Version of this package: letters, digits and `.+~-`. */
  readonly version: string;
  /** As in `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
  /** As in `/etc/machine-id`; absent where there is none. */
  readonly machineId?: string | undefined;
  readonly hostName: string;
  /** Possible CPUs; of more than 100 the first 100 are told of in `seq` records. */
  readonly cpus: number;
  /** Trace only the sshd that listens with this pid. Default: all of the host. */
  readonly listenerPid?: number | undefined;
  /** What runs already and is to be followed. Default: nothing. */
  readonly seeds?: SeedRoots | undefined;
  /** An open file with `proc` records of what runs already; the caller closes it once the program is started. */
  readonly factsFd?: number | undefined;
}

/** Oldest bpftrace that runs the script. */
export const BPFTRACE_LEAST_VERSION = '0.17';

/** Longest string that 0.17 takes (200) would not fit its stack beside the other fields of a record. */
const STRING_BYTES = '128';
/** Processes that are followed at once. */
const MAP_KEYS = '32768';
/** Longest file of `proc` records. */
const FACTS_BYTES = String(MAX_FACTS_BYTES);
/** Pages of the buffer of each CPU in 0.17, of the one buffer in newer ones: 4 MiB. */
const BUFFER_PAGES = '1024';
/** `unroll` of bpftrace allows no more. */
const MOST_CPUS = 100;
/** Hex digits that one parameter holds. */
const HOST_DIGITS = 120;
/** HOST_NAME_MAX is 64; some room. */
const MOST_HOST_BYTES = 120;

/**
 * How to start bpftrace. The values go as parameters of the script, never into its text; one that isn't what it should
 * be is refused, since the script prints it as it is.
 * @throws RangeError naming the value
 */
export function bpftraceCommand(program: string, options: BpftraceOptions): ChildCommand {
  const { version, bootId, machineId, cpus, listenerPid } = options;
  if (!/^[A-Za-z0-9._+~-]{1,60}$/.test(version)) throw new RangeError('version');
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(bootId)) throw new RangeError('bootId');
  if (machineId !== undefined && !/^[0-9a-f]{32}$/.test(machineId)) throw new RangeError('machineId');
  if (!Number.isInteger(cpus) || cpus < 1) throw new RangeError('cpus');
  if (listenerPid !== undefined && !(Number.isInteger(listenerPid) && listenerPid > 0))
    throw new RangeError('listenerPid');
  const host = Buffer.from(options.hostName).subarray(0, MOST_HOST_BYTES).toString('hex');
  const parameters = [
    version,
    bootId,
    // An absent parameter would read as nothing in one version and as 0 in another; a space is a space in all of them.
    machineId === undefined ? ' ' : `,"machine_id":"${machineId}"`,
    host.slice(0, HOST_DIGITS) || ' ',
    host.slice(HOST_DIGITS) || ' ',
    String(Math.min(cpus, MOST_CPUS)),
    String(listenerPid ?? 0),
    ...seedParameters(options.seeds ?? { roots: [], pids: [], untold: 0 }, options.factsFd !== undefined),
  ];
  return {
    command: program,
    // A line at a time, or records would wait in a buffer; without warnings, which newer versions print among the records.
    args: ['-q', '--no-warnings', '-B', 'line', options.script, ...parameters],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      // The same limit under its old and its new name, since each version ignores the other.
      BPFTRACE_STRLEN: STRING_BYTES,
      BPFTRACE_MAX_STRLEN: STRING_BYTES,
      BPFTRACE_MAP_KEYS_MAX: MAP_KEYS,
      BPFTRACE_MAX_MAP_KEYS: MAP_KEYS,
      BPFTRACE_PERF_RB_PAGES: BUFFER_PAGES,
      BPFTRACE_CAT_BYTES_MAX: FACTS_BYTES,
      BPFTRACE_MAX_CAT_BYTES: FACTS_BYTES,
    },
    extra: options.factsFd === undefined ? undefined : [options.factsFd],
  };
}

/** How many are left out, whether descriptor 3 holds facts, then the roots, two a parameter: each is twice the pid, and one more for a monitor. */
function seedParameters({ roots, untold }: SeedRoots, facts: boolean): string[] {
  const numbers = roots.map(({ pid, kind }) => {
    if (!Number.isInteger(pid) || pid < 1 || pid > 4_194_304) throw new RangeError('seeds');
    return 2 * pid + (kind === 'monitor' ? 1 : 0);
  });
  const pairs = Array.from({ length: MOST_ROOTS / 2 }, (_, index) => {
    const [first = 0, second = 0] = numbers.slice(2 * index, 2 * index + 2);
    return second * 2 ** 24 + first;
  });
  return [untold, facts ? 1 : 0, ...pairs].map(String);
}

/** The number in what `bpftrace --version` prints (`bpftrace v0.17.0`); undefined if there is none. */
export function parseBpftraceVersion(text: string): string | undefined {
  const digits = /^bpftrace v?(\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)/.exec(text);
  return digits?.[1];
}

/** Whether this version of bpftrace runs the script. */
export function isBpftraceNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = BPFTRACE_LEAST_VERSION.split('.').map(Number);
  return major !== leastMajor ? major > leastMajor : minor >= leastMinor;
}
