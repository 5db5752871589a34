/** What strace shows of files: the calls that a server of sftp or scp makes for its client. */

export interface StraceFileCall {
  readonly kind: 'file';
  readonly pid: number;
  readonly atMs: number;
  /** As the kernel calls it. */
  readonly call: string;
  /** Bytes as Latin-1, in the order of the arguments. */
  readonly paths: readonly string[];
  /** First argument, where that is a descriptor; what an open returned. */
  readonly fd: number | undefined;
  readonly flags: readonly string[];
  /** Bytes read or written. */
  readonly count: number;
  /** For instance `ENOENT`. */
  readonly errno: string | undefined;
}

const OF_DESCRIPTORS: ReadonlySet<string> = new Set(['read', 'write', 'pread64', 'pwrite64', 'close']);
const OF_PATHS: ReadonlySet<string> = new Set(
  'open openat rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat symlink symlinkat link linkat chmod fchmodat chown lchown fchownat utime utimes futimesat utimensat truncate'.split(
    ' ',
  ),
);

/** For `strace -e trace=`; a machine need not have them all. */
export const FILE_CALLS: readonly string[] = [...OF_DESCRIPTORS, ...OF_PATHS].map((name) => `?${name}`);

export function isFileCall(name: string): boolean {
  return OF_DESCRIPTORS.has(name) || OF_PATHS.has(name);
}

/** Undefined: it is about no path, as a call on a descriptor may be. */
export function readFileCall(
  name: string,
  args: string,
  result: string,
  errno: string | undefined,
  pid: number,
  atMs: number,
): StraceFileCall | undefined {
  if (result === '?') return undefined;
  const about = { kind: 'file', pid, atMs, call: name, errno } as const;
  if (OF_DESCRIPTORS.has(name)) {
    const count = errno === undefined ? Number(result) : 0;
    return { ...about, paths: [], fd: Number.parseInt(args, 10), flags: [], count };
  }
  const paths = [...args.matchAll(/"([^"]*)"/g)].map((one) => latin1(one[1] ?? ''));
  if (paths.length === 0) return undefined;
  const flags = args.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? [];
  return { ...about, paths, fd: errno === undefined ? Number(result) : undefined, flags, count: 0 };
}

/** `\x2f\x62` as Latin-1. */
function latin1(escaped: string): string {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex').toString('latin1');
}
