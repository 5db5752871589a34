/** TCP forwards as the producer tells them, against what both ends of each saw. */
import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { type Producer, type Row, startProducer, whyNot } from './producer.ts';

const CLOSE = 7;
const SYN_SENT = 2;
const LISTEN = 10;

/** Answers each connection's first line with `answer`, then closes. */
function serve(answer: Buffer): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

async function freePort(): Promise<number> {
  const { server, port } = await serve(Buffer.alloc(0));
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends a line through a port, once somebody listens there; what came back until the end. */
async function through(port: number, line: string): Promise<number> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    if (open) return drain(socket, line);
    if (tries > 200) throw new Error(`nobody listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function drain(socket: Socket, line: string): Promise<number> {
  let received = 0;
  return new Promise((resolve) => {
    socket.on('data', (data) => {
      received += data.length;
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(received));
    socket.write(line);
  });
}

describe('the forwards that the libbpf producer tells', { skip: whyNot(), timeout: 120_000 }, () => {
  const answer = Buffer.alloc(300_000, 'a');
  let lab: Lab;
  let producer: Producer;
  let target: { server: Server; port: number };
  before(async () => {
    target = await serve(answer);
    lab = await startLab({ authorizedKeysSeconds: 0, config: { PermitRootLogin: 'yes' } });
    producer = await startProducer(['--listener', String(lab.listenerPid)]);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
    target?.server.close();
  });

  const forwards = (): Row[] => producer.rows.filter((row) => row.k === 'forward');
  const closed = (more: Readonly<Record<string, unknown>>) =>
    producer.wait(
      `close ${JSON.stringify(more)}`,
      (row) => row.k === 'forward' && row['new'] === CLOSE && Object.entries(more).every(([k, v]) => row[k] === v),
    );
  const states = (sk: unknown) =>
    forwards()
      .filter((row) => row['sk'] === sk)
      .map((row) => `${row['old']} ${row['new']}`);

  for (const user of ['alice', 'root']) {
    test(`-L as ${user}: target, states, and payload bytes exactly`, async () => {
      const port = await freePort();
      const before = forwards().length;
      const client = await lab.startSsh({ user, args: ['-N', '-L', `${port}:127.0.0.1:${target.port}`] });
      assert.equal(await through(port, 'hello\n'), answer.length);
      const first = await producer.wait(
        'the forward',
        (row) => row.k === 'forward' && row['new'] === SYN_SENT && forwards().indexOf(row) >= before,
      );
      assert.equal(first['op'], 'connect');
      assert.deepEqual([first['peer'], first['peer_port']], ['127.0.0.1', target.port]);
      assert.equal(first['role'], 'sshd');
      const end = await closed({ sk: first['sk'] });
      assert.deepEqual(states(first['sk']).slice(0, 2), ['7 2', '2 1']);
      assert.deepEqual([end['rx'], end['tx'], end['err']], [String(answer.length), '6', undefined]);
      assert.deepEqual(end['conn'], first['conn']);
      client.kill('SIGTERM');
      await client.finished;
    });

    test(`-R as ${user}: where sshd listens, until the client goes; it is no listener of its own`, async () => {
      const port = await freePort();
      const before = forwards().length;
      const client = await lab.startSsh({ user, args: ['-N', '-R', `${port}:127.0.0.1:${target.port}`] });
      assert.equal(await through(port, 'hello\n'), answer.length);
      const listen = await producer.wait(
        'the listener',
        (row) => row.k === 'forward' && row['new'] === LISTEN && forwards().indexOf(row) >= before,
      );
      assert.deepEqual(
        [listen['op'], listen['local_port'], listen['peer'], listen['role']],
        ['listen', port, undefined, 'sshd'],
      );
      client.kill('SIGTERM');
      await client.finished;
      await closed({ sk: listen['sk'] });
      await producer.wait(
        'end of the monitor',
        (row) => row.k === 'exit' && row['pid'] === (listen['conn'] as unknown[])[0],
      );
      assert.ok(!producer.rows.some((row) => row['role'] === 'listener' && row['pid'] !== lab.listenerPid));
    });
  }

  test('-W to a port where nobody listens: refused', async () => {
    const port = await freePort();
    await lab.ssh({ args: ['-W', `127.0.0.1:${port}`] });
    const end = await closed({ peer_port: port });
    assert.deepEqual([end['op'], end['old'], end['err'], end['tx']], ['connect', SYN_SENT, 111, '0']);
  });

  test('a session and a login without forwards tell none', async () => {
    const before = forwards().length;
    await lab.ssh({ command: 'true' });
    await producer.caughtUp();
    assert.equal(forwards().length, before);
  });
});
