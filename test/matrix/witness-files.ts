/** What servers of sftp and scp did with files, as strace saw it, as facts. */
import type { StraceFileCall } from '../live/witness/strace-files.ts';
import type { TreeProcess } from './process-tree.ts';
import type { Say, Testimony } from './witness-facts.ts';
import type { SessionWitness } from './witness-programs.ts';

const OPERATIONS: readonly (readonly [calls: RegExp, name: string])[] = [
  [/^rename/, 'rename'],
  [/^(unlink|unlinkat)$/, 'remove'],
  [/^rmdir$/, 'rmdir'],
  [/^mkdir/, 'mkdir'],
  [/^symlink/, 'symlink'],
  [/^link/, 'link'],
  [/^(f?chmod|l?chown|fchown|f?utime|truncate)/, 'setstat'],
];

interface Operation {
  readonly name: string;
  readonly paths: string;
  readonly errno: string | undefined;
  /** Of a file that was opened. */
  bytes: { read: number; written: number; closed: boolean } | undefined;
}

/** Says all operations of a session, and their sums. */
export function fileFacts(say: Say, session: SessionWitness, testimony: Testimony): void {
  const unknowable = testimony.exact ? undefined : 'exact-only';
  const operations = within(session.leader).flatMap((process) => operationsOf(process, session.leader));
  for (const [index, operation] of operations.entries())
    say('file', `${session.name} file ${index + 1}`, textOf(operation), unknowable);
  if (operations.length === 0) return;
  const sum = (of: 'read' | 'written') => operations.reduce((all, { bytes }) => all + (bytes?.[of] ?? 0), 0);
  const failed = operations.filter(({ errno }) => errno !== undefined).length;
  const sums = `${operations.length}, ${failed} failed, read ${sum('read')} written ${sum('written')}`;
  say('files', session.name, sums, unknowable);
}

/** What spans say must read so too. */
function textOf({ name, paths, errno, bytes }: Operation): string {
  const sums = bytes === undefined || name === 'list' ? [] : [`read ${bytes.read} written ${bytes.written}`];
  return [name, paths, errno ?? '', ...sums, bytes?.closed === false ? 'not closed' : '']
    .filter((word) => word !== '')
    .join(' ');
}

function within(process: TreeProcess): TreeProcess[] {
  return [process, ...process.children.flatMap(within)];
}

function operationsOf(process: TreeProcess, leader: TreeProcess): Operation[] {
  const operations: Operation[] = [];
  const open = new Map<number, Operation>();
  let exec = -1;
  let asked = false;
  for (const call of process.calls) {
    if (call.exec !== exec) {
      exec = call.exec;
      asked = false;
      open.clear();
    }
    if (!serves(process, exec, leader)) continue;
    // Before its client asked for anything, what it opens is its own.
    if (!asked) {
      asked = call.call === 'read' && call.fd === 0 && call.count > 0;
      continue;
    }
    if (call.paths.length > 0) begin(call, operations, open);
    else if (call.fd !== undefined) go(call, open);
  }
  return operations;
}

/** sftp-server, or scp's other side; the leader itself, if it never runs a program. */
function serves(process: TreeProcess, exec: number, leader: TreeProcess): boolean {
  if (process === leader && process.execs.length === 0) return true;
  const { argv = [] } = process.execs[exec - 1] ?? {};
  const name = argv[0]?.split('/').at(-1);
  return name === 'sftp-server' || (name === 'scp' && (argv.includes('-t') || argv.includes('-f')));
}

function begin(call: StraceFileCall, operations: Operation[], open: Map<number, Operation>): void {
  const { errno, fd, flags, paths } = call;
  if (call.call !== 'open' && call.call !== 'openat') {
    const removes = flags.includes('AT_REMOVEDIR');
    const name = removes ? 'rmdir' : OPERATIONS.find(([calls]) => calls.test(call.call))?.[1];
    if (name === undefined) throw new Error(`strace saw ${call.call} by a server of files`);
    // What a link leads to is the first argument, and the link that is made the second.
    const shown = name === 'symlink' ? paths.toReversed() : paths;
    operations.push({ name, paths: shown.join(' -> '), errno, bytes: undefined });
    return;
  }
  const isFolder = flags.includes('O_DIRECTORY');
  // The C library closes what it opens for itself at an exec; what a client asked for is left open.
  if (flags.includes('O_CLOEXEC') && !isFolder) return;
  const mode = flags.includes('O_RDWR') ? 'read_write' : flags.includes('O_WRONLY') ? 'write' : 'read';
  const bytes = errno === undefined ? { read: 0, written: 0, closed: false } : undefined;
  const operation = { name: isFolder ? 'list' : mode, paths: paths.join(' -> '), errno, bytes };
  operations.push(operation);
  if (fd !== undefined) open.set(fd, operation);
}

function go(call: StraceFileCall, open: Map<number, Operation>): void {
  const fd = call.fd ?? -1;
  const bytes = open.get(fd)?.bytes;
  if (bytes === undefined) return;
  if (call.call.includes('read')) bytes.read += call.count;
  else if (call.call.includes('write')) bytes.written += call.count;
  else {
    bytes.closed = true;
    open.delete(fd);
  }
}
