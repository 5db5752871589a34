/** TCP connections as /proc/PID/net/tcp and tcp6 show them. */
import { socketInodes, textOf } from './proc-seeds.ts';

/** As the event stream names them. */
export interface Endpoints {
  readonly peer: string;
  readonly peer_port: number;
  readonly local: string;
  readonly local_port: number;
}

const ESTABLISHED = '01';
const CLOSE_WAIT = '08';

/**
 * Both ends of the only TCP connection that a process has. With several, one of them may be a forward's, and nothing tells
 * which one the client's is: undefined.
 */
export function connectedEndpoints(folder: string): Endpoints | undefined {
  const own = socketInodes(folder);
  if (own.size === 0) return undefined;
  const all = ['tcp', 'tcp6'].flatMap((file) => connectionsOf(textOf(`${folder}/net/${file}`), own));
  return all.length === 1 ? all[0] : undefined;
}

/** Established connections of a table whose socket's inode is in `own`. */
export function connectionsOf(table: string, own: ReadonlySet<string>): Endpoints[] {
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/ +/);
    if (!own.has(fields[9] ?? '') || (fields[3] !== ESTABLISHED && fields[3] !== CLOSE_WAIT)) return [];
    const [local, peer] = [parseEnd(fields[1] ?? ''), parseEnd(fields[2] ?? '')];
    if (local === undefined || peer === undefined) return [];
    return [{ peer: peer[0], peer_port: peer[1], local: local[0], local_port: local[1] }];
  });
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
