import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { type Child, runChild, startChild } from '../../agent/source/child-process.ts';
import { numbersAreWhole, PROGRAM, type Row, textOf, whyNot } from './producer.ts';

interface Consumer {
  readonly rows: Row[];
  wait(test: (row: Row) => boolean): Promise<Row>;
  pause(): void;
  resume(): void;
  close(): void;
  readonly closed: Promise<unknown>;
}

/** Connects as soon as somebody listens. */
async function consume(path: string): Promise<Consumer> {
  for (let tries = 0; ; tries++) {
    const socket = connect(path);
    const error = await new Promise((resolve) =>
      socket.once('connect', () => resolve(undefined)).once('error', resolve),
    );
    if (error !== undefined) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    const rows: Row[] = [];
    let rest = '';
    let look = (): void => undefined;
    socket.on('data', (data) => {
      const lines = (rest + data.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      rows.push(...lines.map((line) => JSON.parse(line) as Row));
      look();
    });
    return {
      rows,
      closed: new Promise((resolve) => socket.once('close', resolve)),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close: () => socket.destroy(),
      wait: (test) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(
            () => reject(new Error(`not told within 10 s: ${rows.map((row) => row.k).slice(-20)}`)),
            10_000,
          );
          look = () => {
            const row = rows.find(test);
            if (row === undefined) return;
            clearTimeout(timer);
            look = () => undefined;
            resolve(row);
          };
          look();
        }),
    };
  }
}

describe('the libbpf producer on a unix socket', { skip: whyNot() }, () => {
  let lab: Lab;
  let folder: string;
  let path: string;
  let producer: Child;
  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-socket-'));
    path = join(folder, 'stream.sock');
    producer = startChild({ command: PROGRAM, args: ['--listener', String(lab.listenerPid), '--socket', path] });
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('one consumer at a time; each begins with hello, clock, and seeds of all that is followed by then', async () => {
    const first = await consume(path);
    await first.wait((row) => row.k === 'seed-end');
    assert.deepEqual(
      first.rows.slice(0, 2).map((row) => row.k),
      ['hello', 'clock'],
    );
    assert.deepEqual(
      first.rows.filter((row) => row.k === 'seed').map((row) => row['pid']),
      [lab.listenerPid],
    );

    const second = await consume(path);
    await second.closed;
    assert.deepEqual(second.rows, []);

    const session = await lab.startSsh({ command: 'sh -c "echo ready; read x; exit 4"' });
    await session.waitFor('ready');
    const leader = await first.wait((row) => row.k === 'exec' && textOf(row['argv']).startsWith('sh\0-c\0echo ready'));
    first.close();

    const third = await consume(path);
    await third.wait((row) => row.k === 'seed-end');
    const seeds = third.rows.filter((row) => row.k === 'seed');
    assert.equal(seeds.length, 4, 'listener, monitor, user child, leader');
    const seed = seeds.find((row) => row['pid'] === leader['pid']);
    for (const key of ['start', 'conn', 'role', 'uid', 'sid', 'exec', 'comm', 'file', 'argv', 'argv_len']) {
      assert.deepEqual(seed?.[key], leader[key], key);
    }
    const monitor = seeds.find((row) => row['pid'] === (leader['conn'] as unknown[])[0]);
    const accept = first.rows.find((row) => row.k === 'accept');
    assert.deepEqual([monitor?.['peer_port'], monitor?.['local_port']], [accept?.['peer_port'], lab.port]);

    session.end('x\n');
    await session.finished;
    const exit = await third.wait((row) => row.k === 'exit' && row['pid'] === leader['pid']);
    assert.equal(exit['code'], 4);
    third.close();
  });

  test('what happens while nobody reads is counted, by connection, and told to the next', async () => {
    const before = await consume(path);
    await before.wait((row) => row.k === 'seed-end');
    before.close();
    await before.closed;
    await new Promise((resolve) => setTimeout(resolve, 100)); // the producer sees the end at its next poll
    await lab.ssh({ command: 'true; true' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const next = await consume(path);
    await next.wait(
      (row) => row.k === 'clock' && next.rows.some((one) => one.k === 'seed-end') && next.rows.indexOf(row) > 1,
    );
    const lost = next.rows.filter((row) => row.k === 'lost');
    assert.ok(
      lost.some((row) => row['of'] === 'exec' && Number(row['n']) >= 3 && row['conn'] !== undefined),
      JSON.stringify(lost),
    );
    assert.ok(lost.some((row) => row['of'] === 'mon'));
    assert.deepEqual(
      next.rows.filter((row) => row.k === 'seed').map((row) => row['pid']),
      [lab.listenerPid],
    );
    next.close();
    await next.closed;
  });

  test('a consumer that does not read costs counted records, and gets what follows', async () => {
    const slow = join(folder, 'slow.sock');
    const args = ['--listener', String(lab.listenerPid), '--socket', slow, '--ring-size', '65536'];
    const child = startChild({ command: PROGRAM, args });
    const consumer = await consume(slow);
    await consumer.wait((row) => row.k === 'seed-end');
    consumer.pause();
    const run = await lab.ssh({ command: 'for i in $(seq 2500); do /bin/true; done' });
    assert.equal(run.exitCode, 0);
    consumer.resume();
    await consumer.wait(
      (row) => (row.k === 'exit' && row['code'] === 255 && textOf(row['title']).includes('[priv]')) || row.k === 'lost',
    );
    await lab.ssh({ command: 'exit 77' });
    await consumer.wait((row) => row.k === 'exit' && row['code'] === 77);
    await child.stop();
    await consumer.closed;
    const { tried, came, lost } = numbersAreWhole(consumer.rows);
    assert.ok(lost > 500, `only ${lost} lost: nothing was forced`);
    assert.equal(came + lost, tried);
    assert.equal(consumer.rows.at(-1)?.['lost'], lost);
  });

  test('an uid that is not allowed gets nothing, one that is gets the stream', async () => {
    const other = join(folder, 'other.sock');
    const args = ['--listener', String(lab.listenerPid), '--socket', other];
    const read = (uid: number) =>
      runChild(
        {
          command: 'setpriv',
          args: [`--reuid=${uid}`, '--clear-groups', 'socat', '-T', '1', '-u', `UNIX-CONNECT:${other}`, '-'],
        },
        10_000,
      );
    await runChild({ command: 'chmod', args: ['755', folder] }, 5_000);
    const child = startChild({ command: PROGRAM, args: [...args, '--peer-uid', '12345'] });
    const root = await consume(other);
    await root.wait((row) => row.k === 'seed-end');
    root.close();
    await root.closed;
    await runChild({ command: 'chmod', args: ['666', other] }, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await read(12346)).stdout, '');
    assert.match((await read(12345)).stdout, /^\{"k":"hello"/);
    await child.stop();
  });

  test('a socket that was left over is replaced, one that is served is not', async () => {
    const again = await runChild({ command: PROGRAM, args: ['--socket', path] }, 10_000);
    assert.equal(again.code, 9);
    assert.match(again.stderr, /another producer serves it/);
    await producer.stop('SIGKILL');
    producer = startChild({ command: PROGRAM, args: ['--listener', String(lab.listenerPid), '--socket', path] });
    const consumer = await consume(path);
    await consumer.wait((row) => row.k === 'seed-end');
    await producer.stop();
    await consumer.closed;
    assert.equal(consumer.rows.at(-1)?.k, 'end');
  });

  test('a listening socket that systemd passes', async () => {
    const passed = join(folder, 'passed.sock');
    const perl =
      '$^F = 10; use Socket; use POSIX; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un(shift)); listen(S, 1); POSIX::dup2(fileno S, 3); $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @ARGV';
    const args = ['-e', perl, passed, PROGRAM, '--listener', String(lab.listenerPid)];
    const child = startChild({ command: 'perl', args });
    const consumer = await consume(passed);
    await consumer.wait((row) => row.k === 'seed-end');
    await child.stop();
    await consumer.closed;
    assert.equal(consumer.rows.at(-1)?.k, 'end');
  });
});
