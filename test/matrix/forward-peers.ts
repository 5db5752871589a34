/** Who stands at the other ends of forwards, and what they saw: the witnesses of the scenarios about forwarding. */
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A forward as somebody at one of its ends saw it. */
export interface SeenForward {
  /** `connect 127.0.0.1:80`: what sshd did, and with what. */
  readonly what: string;
  /** `tcp opened`. */
  readonly result: string;
  /** `300 received, 6 sent`, as sshd counts. */
  readonly bytes?: string | undefined;
  /** Only system calls show it. */
  readonly exact?: true;
}

/** What a peer sends when it is spoken to, and how much that is. */
const ANSWER = Buffer.alloc(100_000, 'a');
const WORDS = 'hello\n';
/** What sshd counts between one of `through` and one of `answering`, from the latter's side. */
export const EXCHANGED = `${ANSWER.length} received, ${WORDS.length} sent`;
/** The same from the side of whoever speaks first. */
export const SPOKEN = `${WORDS.length} received, ${ANSWER.length} sent`;

export interface Peer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on loopback, or on a path; answers the first words of everybody and closes. @throws Error at `close` unless `visitors` came */
export async function answering(visitors: number, path?: string): Promise<Peer> {
  const seen: string[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (words) => {
      seen.push(words.toString('latin1'));
      socket.end(ANSWER);
    });
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    if (path === undefined) server.listen(0, '127.0.0.1', listening);
    else server.listen({ path, writableAll: true }, listening);
  });
  server.unref(); // whoever fails before he closes it shall end all the same
  const at = server.address();
  return {
    port: typeof at === 'object' && at !== null ? at.port : 0,
    async close() {
      await new Promise((closed) => server.close(closed));
      const right = seen.length === visitors && seen.every((words) => words === WORDS);
      if (!right) throw new Error(`the peer of a forward was told ${JSON.stringify(seen)}`);
    },
  };
}

/** Speaks to a port or a path as its peer expects it. @throws Error unless it answers in full, or (`answers` false) not at all */
export async function through(
  to: number | string,
  answers = true,
  first?: (socket: Socket) => Promise<void>,
): Promise<void> {
  const socket = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
  socket.setTimeout(30_000, () => socket.destroy(new Error('silence for 30 s')));
  socket.on('error', () => undefined);
  await new Promise<void>((connected, failed) => socket.once('connect', connected).once('error', failed));
  await first?.(socket);
  let got = 0;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('data', (bytes) => {
    got += bytes.length;
  });
  socket.write(WORDS);
  await closed;
  if (got !== (answers ? ANSWER.length : 0)) throw new Error(`${got} bytes came through a forward to ${to}`);
}

/** SSH_AGENTC_REQUEST_IDENTITIES, of the agent's protocol (draft-ietf-sshm-ssh-agent): length and type. */
const LIST_KEYS = Buffer.from([0, 0, 0, 1, 11]);

/** Asks an agent for its keys so many times over one connection. Resolves with what came and went, as sshd counts it. */
export async function askAgent(path: string, times: number): Promise<string> {
  const socket = connect(path);
  socket.setTimeout(30_000, () => socket.destroy(new Error('silence for 30 s')));
  const closed = new Promise((resolve, failed) => socket.once('close', resolve).once('error', failed));
  let answer = Buffer.alloc(0);
  let answers = 0;
  socket.on('data', (bytes: Buffer) => {
    answer = Buffer.concat([answer, bytes]);
    if (answer.length < 4 || answer.length < 4 + answer.readUInt32BE()) return;
    answer = answer.subarray(4 + answer.readUInt32BE());
    answers++;
    if (answers < times) socket.write(LIST_KEYS);
    else socket.end();
  });
  socket.write(LIST_KEYS);
  await closed;
  if (answers !== times) throw new Error(`the agent answered ${answers} of ${times} questions`);
  return `${socket.bytesWritten} received, ${socket.bytesRead} sent`;
}

/** Asks a SOCKS5 server (RFC 1928) for a way to a port of loopback. */
export function socks(port: number): (socket: Socket) => Promise<void> {
  return async (socket) => {
    const reply = () => new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.write(Buffer.from([5, 1, 0]));
    await reply();
    socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
    const [, status] = await reply();
    if (status !== 0) throw new Error(`SOCKS said ${status}`);
  };
}

/** Addresses of loopback on which somebody listens on a port, as the kernel lists them. */
export async function listeningOn(port: number): Promise<string[]> {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found: string[] = [];
  for (const [file, name] of [
    ['/proc/net/tcp', '127.0.0.1'],
    ['/proc/net/tcp6', '::1'],
  ] as const) {
    const text = await readFile(file, 'latin1').catch(() => '');
    const rows = text.split('\n').map((row) => row.trim().split(/\s+/));
    if (rows.some(([, local, , state]) => local?.endsWith(end) === true && state === '0A')) found.push(name);
  }
  return found;
}
