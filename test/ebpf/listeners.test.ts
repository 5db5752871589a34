import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { type Child, startChild } from '../../agent/source/child-process.ts';
import { launch, PROGRAM, type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';
import { acceptAt, exitOf, ofConnection } from './rows.ts';

describe('whom the libbpf producer follows', { skip: whyNot() }, () => {
  const stops: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  async function lab(options: Parameters<typeof startLab>[0] = {}): Promise<Lab> {
    const made = await startLab({ authorizedKeysSeconds: 0, ...options });
    stops.push(() => made.stop());
    return made;
  }
  /** A program of the test's own; it is ended with the test. */
  function start(command: string, args: readonly string[]): Child {
    const child = startChild({ command, args });
    stops.push(() => child.stop());
    return child;
  }
  async function producer(...args: string[]): Promise<Producer> {
    const made = await startProducer(args);
    stops.push(() => made.stop());
    return made;
  }

  let first: Lab;
  let all: Producer;
  before(async () => {
    first = await lab({ config: { MaxStartups: '2' } });
    all = await producer();
  });

  test('two listeners: one that ran before, one that starts later; both, or only the one asked for', async () => {
    const second = await lab();
    const listening = await all.wait(
      'the new listener',
      (row) => row.k === 'exec' && row['pid'] === second.listenerPid,
    );
    assert.equal(listening['role'], 'listener');
    assert.ok(all.rows.some((row) => row.k === 'seed' && row['pid'] === first.listenerPid));
    const one = await producer('--listener', String(second.listenerPid));
    assert.deepEqual(
      one.rows.filter((row) => row.k === 'seed').map((row) => row['pid']),
      [second.listenerPid],
    );

    await first.ssh({ command: 'true' });
    await second.ssh({ command: 'true' });
    const a = await all.wait('login at the first', acceptAt(first.port));
    const b = await all.wait('login at the second', acceptAt(second.port));
    await one.wait('the end of the second', exitOf(b));
    assert.equal(one.rows.filter((row) => row.k === 'accept').length, 1);
    assert.ok(!one.rows.some((row) => row['pid'] === a['pid']), 'the other listener was followed');
    assert.ok(ofConnection(all.rows, a).length > 20 && ofConnection(all.rows, b).length > 20);
  });

  test("what only looks like sshd is not: a user's program of that name, root's of that title", async () => {
    const perl =
      'use Socket; socket(S,PF_INET,SOCK_STREAM,6); bind(S,sockaddr_in(0,INADDR_LOOPBACK)); listen(S,1); $0="sshd"; $|=1; ($p)=sockaddr_in(getsockname S); print "$p\\n"; accept(C,S); exit 0 if fork; exec "/bin/true";';
    const fake = (command: string, args: string[]) => start(command, [...args, '-e', perl]);
    // An image called sshd, run by nobody; and root's perl that calls itself sshd.
    const setpriv = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'bash',
      '-c',
      'cp /usr/bin/perl /dev/shm/$$ && mkdir /dev/shm/d$$ && mv /dev/shm/$$ /dev/shm/d$$/sshd && trap "rm -r /dev/shm/d$$" EXIT; /dev/shm/d$$/sshd "$@"',
      '-',
    ];
    for (const child of [fake('setpriv', setpriv), fake('perl', [])]) {
      const port = await new Promise<number>((resolve) => child.stdout?.once('data', (data) => resolve(Number(data))));
      assert.ok(port > 0);
      const client = connect(port, '127.0.0.1');
      await new Promise((resolve) => client.once('connect', resolve));
      const { localPort } = client;
      assert.ok(localPort);
      await child.exited;
      client.destroy();
      await all.caughtUp();
      assert.ok(!all.rows.some((row) => row['pid'] === child.pid || row['peer_port'] === localPort));
    }
    assert.ok(!all.rows.some((row) => textOf(row['comm']) === 'true' && row['ppid'] === 1));
  });

  test('MaxStartups: a connection that is dropped without a fork is told', async () => {
    const hold = async (): Promise<[Socket, string]> => {
      const socket = connect(first.port, '127.0.0.1');
      const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
      return [socket, text];
    };
    const held = [await hold(), await hold(), await hold()];
    const [dropped, said] = held[2] ?? [];
    assert.match(said ?? '', /^(Exceeded MaxStartups|Not allowed)/);
    const port = dropped?.localPort;
    const drop = await all.wait('drop', (row) => row.k === 'drop' && row['peer_port'] === port);
    assert.deepEqual([drop['peer'], drop['local_port'], drop['pid']], ['127.0.0.1', first.port, first.listenerPid]);
    assert.ok(!all.rows.some((row) => row.k === 'accept' && row['peer_port'] === port));
    for (const [socket] of held) socket.destroy();
  });

  test('a session that runs already is adopted with all that can be known, by a restarted producer under the same ids', async () => {
    const session = await first.startSsh({ command: 'sh -c "sleep 60 & echo ready; read x; exit 4"' });
    await session.waitFor('ready');
    const late = await producer('--listener', String(first.listenerPid));
    const seeds = late.rows.filter((row) => row.k === 'seed');
    const find = (test: (row: Row) => boolean) => seeds.find(test) ?? assert.fail(JSON.stringify(seeds));
    const monitor = find((row) => row['role'] === 'sshd' && (row['conn'] as unknown[])[0] === row['pid']);
    const accept = all.rows.find((row) => row.k === 'accept' && row['pid'] === monitor['pid']);
    assert.deepEqual(
      ['pid', 'start', 'peer', 'peer_port', 'local', 'local_port'].map((key) => monitor[key]),
      ['pid', 'start', 'peer', 'peer_port', 'local', 'local_port'].map((key) => accept?.[key]),
    );
    assert.match(textOf(monitor['title']), /^sshd: alice \[priv\]/);
    const user = find((row) => row['role'] === 'sshd' && row['ppid'] === monitor['pid']);
    assert.deepEqual(user['uid'], [first.users.alice.uid, first.users.alice.uid, first.users.alice.uid]);
    const leader = find((row) => row['ppid'] === user['pid']);
    assert.equal(leader['role'], 'program');
    assert.equal(leader['sid'], leader['pid']);
    assert.equal(textOf(leader['argv']), 'sh\0-c\0sleep 60 & echo ready; read x; exit 4\0');
    const env = late.rows.filter((row) => row.k === 'env' && row['pid'] === leader['pid']);
    assert.ok(env.some((row) => textOf(row['data']).startsWith('SSH_CONNECTION=127.0.0.1 ')));
    assert.ok(env.every((row) => row['ts'] === leader['ts']));
    const position = (row: Row) => seeds.indexOf(row);
    assert.ok(position(monitor) < position(user) && position(user) < position(leader), 'parents first');

    const again = await producer('--listener', String(first.listenerPid));
    const same = again.rows
      .filter((row) => row.k === 'seed')
      .map((row) => [row['pid'], row['start'], row['conn'], row['role']]);
    assert.deepEqual(
      same,
      seeds.map((row) => [row['pid'], row['start'], row['conn'], row['role']]),
    );

    const sleeper = find((row) => textOf(row['comm']) === 'sleep');
    process.kill(Number(sleeper['pid']));
    session.end('x\n');
    await session.finished;
    const end = await late.wait('the end of the leader', exitOf(leader));
    assert.deepEqual([end['code'], end['conn']], [4, monitor['conn']]);
    await late.wait('the end of the monitor', exitOf(monitor));
    assert.ok(late.rows.some((row) => row.k === 'tcp' && row['pid'] === monitor['pid'] && row['new'] === 7));
  });

  test('a server that root starts in a session is a listener of its own', async () => {
    const port = first.port - 1;
    const command = `timeout 20 /usr/sbin/sshd -D -f /run/lab/sshd_config -o Port=${port}; true`;
    const session = await first.startSsh({ user: 'root', command });
    const listener = await all.wait(
      'the inner listener',
      (row) => row.k === 'exec' && row['role'] === 'listener' && textOf(row['argv']).includes(`Port=${port}`),
    );
    assert.equal(listener['conn'], undefined);
    const run = await first.ssh({ config: [`Port=${port}`], command: 'true' });
    assert.equal(run.exitCode, 0, run.stderr);
    const inner = await all.wait('the inner login', acceptAt(port));
    await all.wait('its end', exitOf(inner));
    const rows = ofConnection(all.rows, inner);
    assert.ok(rows.some((row) => row.k === 'mon' && row['type'] === 26));
    assert.ok(rows.some((row) => row.k === 'exec' && textOf(row['argv']) === 'bash\0-c\0true\0'));
    process.kill(Number(listener['pid']));
    session.end();
    await session.finished;
  });

  test('sshd -i: the process on the socket is the connection', async () => {
    const perl =
      'use Socket; socket(S,PF_INET,SOCK_STREAM,6); bind(S,sockaddr_in(0,INADDR_LOOPBACK)); listen(S,1); $|=1; ($p)=sockaddr_in(getsockname S); print "$p\\n"; accept(C,S); open(STDIN,"<&C"); open(STDOUT,">&C"); close C; close S; exec "/usr/sbin/sshd","-i","-f","/run/lab/sshd_config";';
    const inside = `--mount=${first.insideRoot.replace(/root$/, 'ns/mnt')}`;
    const server = start('nsenter', [inside, 'perl', '-e', perl]);
    const port = await new Promise<number>((resolve) => server.stdout?.once('data', (data) => resolve(Number(data))));
    const run = await first.ssh({ config: [`Port=${port}`], command: 'exit 3' });
    assert.equal(run.exitCode, 3, run.stderr);
    const accept = await all.wait('accept', acceptAt(port));
    assert.equal(accept['pid'], server.pid);
    await all.wait('its end', exitOf(accept));
    const rows = ofConnection(all.rows, accept);
    assert.ok(rows.some((row) => row.k === 'mon' && row['type'] === 26));
    assert.ok(rows.some((row) => row.k === 'exit' && row['code'] === 3));
  });

  test('SIGHUP: the listener runs again as the same process, and is followed on', async () => {
    const second = await lab();
    const one = await producer('--listener', String(second.listenerPid));
    process.kill(second.listenerPid, 'SIGHUP');
    const again = await one.wait('the exec', (row) => row.k === 'exec' && row['pid'] === second.listenerPid);
    assert.equal(again['role'], 'listener');
    let run = await second.ssh({ command: 'exit 8' });
    for (let tries = 0; run.exitCode !== 8 && tries < 20; tries++) run = await second.ssh({ command: 'exit 8' });
    const end = await one.wait('exit 8', (row) => row.k === 'exit' && row['code'] === 8);
    assert.ok(end['conn'] !== undefined);
  });

  test('more processes than the map holds: the rest is counted, by connection, and the dead make room', async () => {
    const one = await producer('--listener', String(first.listenerPid), '--max-processes', '64');
    const many = await first.ssh({ command: 'for i in $(seq 150); do sleep 1 & done; wait' });
    assert.equal(many.exitCode, 0);
    const crowded = one.rows.filter((row) => row.k === 'accept').at(-1);
    const isCount = (row: Row) =>
      row.k === 'lost' && row['of'] === 'untracked' && (row['conn'] as unknown[])[0] === crowded?.['pid'];
    await one.wait('the count', isCount);
    const refused = one.rows.filter(isCount).reduce((sum, row) => sum + Number(row['n']), 0);
    assert.ok(refused >= 90 && refused <= 480, String(refused));
    await one.wait('the end of the crowd', exitOf(crowded as Row));
    await first.ssh({ command: 'exit 9' });
    const end = await one.wait('exit 9', (row) => row.k === 'exit' && row['code'] === 9);
    assert.notDeepEqual(end['conn'], [crowded?.['pid'], crowded?.['start']]);
  });

  test('SIGTERM, or the end of its input, is an orderly end', async () => {
    for (const end of ['signal', 'input']) {
      const short = launch(PROGRAM, ['--listener', String(first.listenerPid)]);
      await short.wait('seed-end', (row) => row.k === 'seed-end');
      if (end === 'signal') process.kill(short.pid, 'SIGTERM');
      else short.child.stdin?.end();
      assert.equal((await short.exited).code, 0, end);
      assert.equal(short.rows.at(-1)?.k, 'end');
    }
  });
});
