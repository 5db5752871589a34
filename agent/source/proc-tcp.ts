/**
 * TCP sockets as /proc/PID/net/tcp and tcp6 show them. Such a table is that of a whole network namespace, megabytes on a
 * busy host, and whoever likes may run a thousand processes by the name of sshd: it is read once for all of them.
 */
import { closeSync, opendirSync, openSync, readSync } from 'node:fs';
import { linkOf } from './proc-link.ts';

/** As the event stream names them. */
export interface Endpoints {
  readonly peer: string;
  readonly peer_port: number;
  readonly local: string;
  readonly local_port: number;
}

/** Bytes of tables that are read, of all namespaces together: some 800,000 sockets. */
const MAX_TABLE_BYTES = 128 * 1024 * 1024;
const CHUNK_BYTES = 65_536;
/** Descriptors of a process that are looked at, the lowest: sshd has its listeners and its client there, before any forward. */
const MAX_DESCRIPTORS = 1_024;

const ESTABLISHED = '01';
/** The client has just left. */
const CLOSE_WAIT = '08';
const LISTEN = '0A';

/** A socket as its line has it: the addresses are read when they are asked for. */
interface TableRow {
  readonly state: string;
  readonly local: string;
  readonly peer: string;
}

/** Tables as they were when first asked for: what was opened since is not in them. */
export class TcpTables {
  /** By namespace, then by inode. */
  readonly #tables = new Map<string, ReadonlyMap<string, TableRow>>();
  #room: number;

  /** @param room bytes that may be read, for tests */
  constructor(room = MAX_TABLE_BYTES) {
    this.#room = room;
  }

  /** What the sockets of a process (its folder in /proc) say of it. Listening wins. */
  stateOf(folder: string): 'listening' | 'connected' | 'none' {
    const rows = this.#rowsOf(folder);
    if (rows.some(({ state }) => state === LISTEN)) return 'listening';
    return rows.length > 0 ? 'connected' : 'none';
  }

  /**
   * Both ends of the only TCP connection that a process has. With several, one of them may be a forward's, and nothing tells
   * which one the client's is: undefined.
   */
  connectedEndpoints(folder: string): Endpoints | undefined {
    const [first, ...others] = this.#rowsOf(folder).filter(({ state }) => state !== LISTEN);
    if (first === undefined || others.length > 0) return undefined;
    const [local, peer] = [parseEnd(first.local), parseEnd(first.peer)];
    if (local === undefined || peer === undefined) return undefined;
    return { peer: peer[0], peer_port: peer[1], local: local[0], local_port: local[1] };
  }

  #rowsOf(folder: string): TableRow[] {
    const inodes = socketInodes(folder);
    const namespace = inodes.length === 0 ? '' : linkOf(`${folder}/ns/net`);
    if (namespace === '') return [];
    let table = this.#tables.get(namespace);
    if (table === undefined) {
      table = new Map([...this.#read(`${folder}/net/tcp`), ...this.#read(`${folder}/net/tcp6`)]);
      this.#tables.set(namespace, table);
    }
    return inodes.flatMap((inode) => table.get(inode) ?? []);
  }

  /** Of a table that is too long only what listens, which stands first: half of the connections may look like all of them. */
  #read(path: string): Map<string, TableRow> {
    const rows = new Map<string, TableRow>();
    const read = eachLine(path, this.#room, (line) => {
      const fields = line.trim().split(/ +/);
      const [, local = '', peer = '', state = ''] = fields;
      if (state === ESTABLISHED || state === CLOSE_WAIT || state === LISTEN)
        rows.set(fields[9] ?? '', { state, local, peer });
    });
    if (read > this.#room) for (const [inode, { state }] of rows) if (state !== LISTEN) rows.delete(inode);
    this.#room = Math.max(0, this.#room - read);
    return rows;
  }
}

/** Lines of at most so many bytes of a file; none where it cannot be read. @returns bytes read, more than `most` if there are more */
function eachLine(path: string, most: number, take: (line: string) => void): number {
  let length = 0;
  try {
    const fd = openSync(path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let rest = ''; length <= most; ) {
        const read = readSync(fd, buffer, 0, CHUNK_BYTES, null);
        if (read === 0) break;
        length += read;
        const lines = `${rest}${buffer.toString('latin1', 0, read)}`.split('\n');
        rest = lines.pop() ?? '';
        lines.forEach(take);
      }
    } finally {
      closeSync(fd);
    }
  } catch {
    // It is gone, or not ours to look at.
  }
  return length;
}

function socketInodes(folder: string): string[] {
  const own: string[] = [];
  try {
    // The kernel lists them in the order of their numbers.
    const descriptors = opendirSync(`${folder}/fd`, { bufferSize: MAX_DESCRIPTORS });
    try {
      for (let seen = 0; seen < MAX_DESCRIPTORS; seen++) {
        const entry = descriptors.readSync();
        if (entry === null) break;
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/fd/${entry.name}`))?.[1];
        if (inode !== undefined) own.push(inode);
      }
    } finally {
      descriptors.closeSync();
    }
  } catch {
    // It is gone, or not ours to look at.
  }
  return own;
}

/** `0100007F:1F90`, or 32 digits for IPv6: words of 4 bytes, each in the order of this machine. */
function parseEnd(text: string): [address: string, port: number] | undefined {
  const parts = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (parts === null) return undefined;
  const bytes = Buffer.from(parts[1] ?? '', 'hex');
  // All machines that the producers run on are little-endian.
  bytes.swap32();
  return [addressOf(bytes), Number.parseInt(parts[2] ?? '', 16)];
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  if (mapped) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return shortened(groups);
}

/** RFC 5952: the first longest run of two zero groups or more becomes `::`. */
function shortened(groups: readonly string[]): string {
  let [from, length] = [0, 0];
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === '0') end++;
    if (end - at > length) [from, length] = [at, end - at];
    at = Math.max(at, end - 1);
  }
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}
