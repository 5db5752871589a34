import type { ChildCommand } from './child-process.ts';

/** What the libbpf producer is asked for; everything has the producer's own default (`sshd-otel-producer --help`). */
export interface LibbpfOptions {
  /** Trace only the sshd that listens with this pid. Default: all of the host. */
  readonly listenerPid?: number | undefined;
  /** Files of sftp and scp, unix-socket forwards, exact setsid, setresuid and failed execs; costs every system call of the host. */
  readonly exact?: boolean | undefined;
  /** False: the lines that sshd sends to the system log are not copied. */
  readonly logLines?: boolean | undefined;
  /** Also sshds inside containers. */
  readonly allNamespaces?: boolean | undefined;
  /** Size of the kernel's buffer, bytes; a power of two, 65,536 to 2^30. */
  readonly ringBytes?: number | undefined;
  /** Processes followed at once, 64 to 4,194,304. */
  readonly maxProcesses?: number | undefined;
  /** What outlives its connection is followed so long, 1 to 87,600. */
  readonly orphanHours?: number | undefined;
  /** Uid that it takes on once attached, if it starts as root. */
  readonly user?: number | undefined;
  /** Unix socket to serve the stream on, instead of standard output. */
  readonly socket?: string | undefined;
}

/** Name of the program, as it is installed. */
const LIBBPF_PROGRAM = 'sshd-otel-producer';

/** What the producer's exit status says (`ebpf/options.h`); others are faults of ours. */
export const LIBBPF_EXITS: ReadonlyMap<number, string> = new Map([
  [3, 'this kernel has no type information (BTF)'],
  [4, 'capabilities are missing'],
  [5, 'the kernel is locked down'],
  [6, 'the kernel refused the BPF programs'],
  [7, 'the kernel refused the BPF maps'],
  [8, 'no hook of this kernel could be attached'],
  [9, 'its socket could not be opened'],
]);

/** Where the program is looked for, best first. `packageRoot`: folder that holds this package, without `/` at its end. */
export function libbpfPlaces(packageRoot: string): readonly string[] {
  return [
    `${packageRoot}/ebpf/.output/${LIBBPF_PROGRAM}`,
    `${packageRoot}/${LIBBPF_PROGRAM}`,
    `/usr/lib/sshd-otel/${LIBBPF_PROGRAM}`,
    `/usr/libexec/sshd-otel/${LIBBPF_PROGRAM}`,
  ];
}

/**
 * How to start the producer at `program`. It ends when its standard input ends, so that it can't outlive whoever started
 * it; it needs nothing from the environment.
 */
export function libbpfCommand(program: string, options: LibbpfOptions = {}): ChildCommand {
  return { command: program, args: libbpfArguments(options), env: {}, stdin: 'pipe' };
}

function libbpfArguments(options: LibbpfOptions): string[] {
  const args: string[] = [];
  const value = (name: string, given: number | string | undefined): void => {
    if (given !== undefined) args.push(name, String(given));
  };
  if (options.exact === true) args.push('--exact');
  if (options.logLines === false) args.push('--no-log');
  if (options.allNamespaces === true) args.push('--scope', 'all');
  value('--listener', options.listenerPid);
  value('--ring-size', options.ringBytes);
  value('--max-processes', options.maxProcesses);
  value('--orphan-hours', options.orphanHours);
  value('--user', options.user);
  value('--socket', options.socket);
  return args;
}
