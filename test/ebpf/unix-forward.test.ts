/** What only system calls show of forwards (`--exact`): unix sockets, the agent, and who used what sshd listens on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LoginOptions } from '../../agent/lab/client.ts';
import type { ClientSession } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { freePort } from '../../agent/lab/ports.ts';
import { answering, through } from '../matrix/forward-peers.ts';
import { type Producer, type Row, startProducer, whyNot } from './producer.ts';

const [ESTABLISHED, CLOSE, LISTEN] = [1, 7, 10];
const HOST = '127.0.0.1';

describe('forwards in exact mode', { skip: whyNot(), timeout: 120_000 }, () => {
  let lab: Lab;
  let producer: Producer;
  const clients: ClientSession[] = [];
  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0, config: { PermitRootLogin: 'yes' } });
    producer = await startProducer(['--listener', String(lab.listenerPid), '--exact']);
  });
  after(async () => {
    for (const client of clients) client.kill('SIGKILL');
    await producer?.stop();
    await lab?.stop();
  });

  const pathOf = (row: Row) =>
    typeof row['path'] === 'string' ? Buffer.from(row['path'], 'hex').toString() : undefined;
  /** Waits for a record of a unix socket. */
  const seen = (op: string, path: string, state: number, more = (_: Row) => true) =>
    producer.wait(
      `${op} of ${path} to ${state}`,
      (row) => row['op'] === op && pathOf(row) === path && row['new'] === state && more(row),
    );
  const about = (one: Row) => producer.rows.filter((row) => row.k === 'forward' && row['sk'] === one['sk']);
  const states = (one: Row) => about(one).map((row) => `${row['old']} ${row['new']}`);

  /** A client that only forwards, once it does. */
  async function forwarding(options: LoginOptions, remotes = 0): Promise<ClientSession> {
    const client = await lab.startSsh({ ...options, args: ['-N', ...(options.args ?? [])] });
    clients.push(client);
    await client.waitForDebug('Entering interactive session');
    let at = 0;
    for (let i = 0; i < remotes; i++) at = await client.waitForDebug('remote forward success', at);
    return client;
  }

  async function leave(client: ClientSession, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    clients.splice(clients.indexOf(client), 1);
    client.kill(signal);
    await client.finished;
  }

  for (const user of ['alice', 'root']) {
    test(`the agent of ${user}: where sshd listens, and each use of it with its bytes`, async () => {
      const socket = join(lab.folder, `agent-${user}`);
      const agent = execFileSync('ssh-agent', ['-a', socket], { encoding: 'latin1', timeout: 10_000 });
      try {
        execFileSync('ssh-add', ['-q', lab.keys.good.path], { env: { SSH_AUTH_SOCK: socket }, timeout: 10_000 });
        const run = await lab.ssh({
          user,
          config: [`IdentityAgent=${socket}`, 'ForwardAgent=yes'],
          command: 'echo "$SSH_AUTH_SOCK"; ssh-add -l; ssh-add -l; cat /proc/net/unix',
        });
        const [path = '', ...rest] = run.stdout.split('\n');
        assert.equal(rest.filter((line) => line.includes(' SHA256:')).length, 2, run.stderr);
        assert.ok(rest.some((line) => line.endsWith(path)));
        const listen = await seen('listen', path, LISTEN);
        const end = await seen('listen', path, CLOSE);
        assert.equal(end['sk'], listen['sk']);
        const uses = producer.rows.filter((row) => row['of'] === listen['sk'] && row['new'] === ESTABLISHED);
        assert.equal(uses.length, 2);
        for (const use of uses) {
          assert.deepEqual(states(use), ['7 1', '1 7']);
          // What ssh-add -l asks: a length and one byte (SSH_AGENTC_REQUEST_IDENTITIES).
          assert.equal(about(use).at(-1)?.['rx'], '5');
          assert.ok(Number(about(use).at(-1)?.['tx']) > 50);
        }
      } finally {
        process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(agent)?.[1]));
      }
    });
  }

  test('-L to a unix socket: opened with its bytes, and to a path where nothing is', async () => {
    const inside = '/run/lab/peer.sock';
    const peer = await answering(1, `${lab.insideRoot}${inside}`);
    const [open, shut] = [await freePort(HOST), await freePort(HOST)];
    const client = await forwarding({ args: ['-L', `${open}:${inside}`, '-L', `${shut}:/run/lab/none`] });
    await through(open);
    await through(shut, false);
    await peer.close();
    const end = await seen('connect', inside, CLOSE);
    assert.deepEqual([states(end), end['rx'], end['tx'], end['err']], [['7 1', '1 7'], '100000', '6', undefined]);
    const failed = await seen('connect', '/run/lab/none', CLOSE);
    assert.deepEqual([states(failed), failed['err'], failed['rx']], [['7 7'], 2, undefined]);
    assert.equal(end['role'], 'sshd');
    await leave(client);
  });

  test('-R of a path with quotes and line ends; a use that is open when the client vanishes ends before its process', async () => {
    const path = '/home/alice/a"}\n{"k"';
    const own = await answering(1, join(lab.folder, 'own.sock'));
    const client = await forwarding({ args: ['-R', `${path}:${join(lab.folder, 'own.sock')}`] }, 1);
    const listen = await seen('listen', path, LISTEN);
    assert.ok((await readFile('/proc/net/unix', 'latin1')).includes('/home/alice/a"}'));
    await through(`${lab.insideRoot}${path}`);
    const use = await seen('accept', path, CLOSE);
    assert.deepEqual([use['of'], use['rx'], use['tx']], [listen['sk'], '6', '100000']);
    // Nobody on the other side of this one speaks.
    const idle = connect(`${lab.insideRoot}${path}`);
    idle.on('error', () => undefined).unref();
    await seen('accept', path, ESTABLISHED, (row) => row['sk'] !== use['sk']);
    await leave(client, 'SIGKILL');
    const exit = await producer.wait('the exit', (row) => row.k === 'exit' && row['pid'] === listen['pid']);
    const before = producer.rows.slice(0, producer.rows.indexOf(exit));
    const closed = before.filter((row) => pathOf(row) === path && row['new'] === CLOSE).map((row) => row['op']);
    assert.deepEqual(closed.toSorted(), ['accept', 'accept', 'listen']);
    idle.destroy();
    await own.close();
  });

  test('-R of a port: who connected, and the bytes', async () => {
    const peer = await answering(1);
    const port = await freePort(HOST);
    const client = await forwarding({ args: ['-R', `${port}:${HOST}:${peer.port}`] }, 1);
    await through(port);
    await peer.close();
    const use = await producer.wait('its use', (row) => row['op'] === 'accept' && row['local_port'] === port);
    const listen = producer.rows.find((row) => row['sk'] === use['of']);
    assert.deepEqual([listen?.['op'], listen?.['local_port'], use['peer']], ['listen', port, HOST]);
    const end = await producer.wait('its end', (row) => row['sk'] === use['sk'] && row['new'] === CLOSE);
    assert.deepEqual([end['op'], end['rx'], end['tx']], ['accept', '6', '100000']);
    await leave(client);
  });

  test('unix sockets on descriptors beyond a thousand end before their process, too', async () => {
    execFileSync('prlimit', [`--pid=${lab.listenerPid}`, '--nofile=4096:4096']);
    const path = '/home/alice/many';
    const held: Socket[] = [];
    const peer = createServer((socket) => held.push(socket.on('error', () => undefined).unref())).unref();
    await once(peer.listen(0, HOST), 'listening');
    const to = `${HOST}:${(peer.address() as AddressInfo).port}`;
    const port = await freePort(HOST);
    const client = await forwarding({ args: ['-R', `${port}:${to}`, '-R', `${path}:${to}`] }, 2);
    const hold = async (where: NetConnectOpts) => {
      const socket = connect(where);
      held.push(socket.on('error', () => undefined).unref());
      await once(socket, 'connect');
    };
    const first = producer.rows.length;
    const used = () => producer.rows.slice(first).filter((row) => row['op'] === 'accept' && row['new'] === ESTABLISHED);
    for (let n = 0; n < 1_030; n++) await hold({ host: HOST, port });
    for (let n = 0; n < 3; n++) await hold({ path: `${lab.insideRoot}${path}` });
    await producer.wait('the last use', () => used().length === 1_033);
    const uses = used().filter((row) => pathOf(row) === path);
    process.kill(Number(uses[0]?.['pid']), 'SIGKILL'); // sshd closes nothing itself
    await producer.wait('the exit', (row) => row.k === 'exit' && row['pid'] === uses[0]?.['pid']);
    await leave(client, 'SIGKILL');
    for (const socket of held) socket.destroy();
    peer.close();
    assert.deepEqual(
      uses.map(states),
      [0, 1, 2].map(() => ['7 1', '1 7']),
    );
    assert.ok(!producer.rows.some((row) => row.k === 'lost'));
  });

  test('what sshd opens for itself is told of nobody: no other socket than those of the tests above', async () => {
    await lab.ssh({ command: 'id; getent hosts localhost' });
    await lab.ssh({ passwords: [lab.users.alice.password ?? ''], pty: true, command: 'tty' });
    await producer.caughtUp();
    const paths = producer.rows.filter((row) => row['family'] === 'unix').map((row) => pathOf(row) ?? '');
    const known =
      /^(?:\/tmp\/ssh-\w+\/agent\.\d+|\/\w+(?:\/\w+)?\/\.ssh\/agent\/.*|\/run\/lab\/(?:peer\.sock|none)|\/home\/alice\/(?:a".*|many))$/s;
    assert.ok(paths.length > 10);
    assert.deepEqual(
      paths.filter((path) => !known.test(path)),
      [],
    );
  });
});
