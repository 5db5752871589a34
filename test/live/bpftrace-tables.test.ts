/** What the bpftrace producer keeps of processes: it goes with them, and what finds no room is counted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startClient } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { exec, exitOf } from './bpftrace/facts.ts';
import { nextConnection, observe, textOf, whyNotBpftrace } from './bpftrace/observer.ts';

/** Tables that no process has a part in, and rings of what is still to be done. */
const OTHER_TABLES = /^AT_(cap|idr|ns|off|q|root|seeds|todo|unseeded|walk|zero)$/;

/** Names of the tables in which a tracer keeps anything of a process, and how much. */
function leftIn(pid: number): readonly string[] {
  const bpftool = (...args: string[]) =>
    JSON.parse(execFileSync('bpftool', ['-j', 'map', ...args], { encoding: 'utf8' }));
  const ids = readdirSync(`/proc/${pid}/fdinfo`).map((fd) =>
    /^map_id:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')),
  );
  const tables = ids.flatMap((id) => (id?.[1] === undefined ? [] : [id[1]]));
  const kept = tables.flatMap((id) => {
    const { name, type } = bpftool('show', 'id', id);
    if (type !== 'hash' || OTHER_TABLES.test(name)) return [];
    return [`${name}: ${bpftool('dump', 'id', id).length}`];
  });
  assert.ok(kept.length >= 12, 'the tables are found');
  return kept.filter((line) => !line.endsWith(': 0')).sort();
}

/** Fails to start a program without a name, and starts another from a thread that does not lead. */
const odd = `#!/usr/bin/perl
use threads;
syscall 59, 0, 0, 0; # execve on x86_64
my $pid = fork;
if (!$pid) {
  threads->create(sub { sleep 10 });
  threads->create(sub { exec { '/bin/sh' } 'from-a-thread', '-c', 'exit 5' })->join;
}
waitpid $pid, 0;
exit 6;
`;

describe('what the bpftrace producer keeps of processes', { skip: whyNotBpftrace(), timeout: 180_000 }, () => {
  let lab: Lab;

  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0, files: { odd } });
  });
  after(async () => {
    await lab?.stop();
  });

  it('goes with them, whatever they did', async () => {
    const observer = await observe({ listenerPid: lab.listenerPid });
    try {
      await observer.until((rows) => rows.find((row) => row.k === 'seed-end'));
      // One that is let in, after which the monitor owes no answer, and one that is not.
      assert.equal((await lab.ssh({ command: '/run/lab/odd' })).exitCode, 6);
      assert.equal((await lab.ssh({ passwords: ['wrong-for-sure'], command: 'true' })).exitCode, 255);
      const connection = await nextConnection(observer, 0);
      assert.equal(exitOf(connection, exec(connection, 'from-a-thread').row).code, 5);
      const failed = connection.rows.filter((row) => row.k === 'execfail' && row.ret === -14);
      assert.deepEqual(
        failed.map((row) => textOf(row.file)),
        [''],
        'a program without a name was not started',
      );
      await nextConnection(observer, 1);
      assert.deepEqual(leftIn(observer.pid), ['AT_class: 1'], 'the listener is what is left');
    } finally {
      await observer.stop();
    }
  });

  it('is counted where it finds no room, and the next finds it again', async () => {
    const observer = await observe({ listenerPid: lab.listenerPid, room: 128 });
    try {
      await observer.until((rows) => rows.find((row) => row.k === 'seed-end'));
      const many = 'i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i+1)); done; kill $(jobs -p); wait';
      assert.equal((await lab.ssh({ command: `exec > /dev/null 2>&1; ${many}; exit 3` })).exitCode, 3);
      const crowd = await nextConnection(observer, 0);
      const told = crowd.rows.filter((row) => row.k === 'fork').length;
      const untold = observer.rows().filter((row) => row.k === 'lost' && row.of === 'untracked');
      assert.ok(untold.length > 70, `${untold.length} had no room`);
      assert.ok(told + untold.length >= 200, 'and nobody is missing');
      assert.equal(exitOf(crowd, exec(crowd, 'bash').row).code, 3);

      assert.equal((await lab.ssh({ command: 'exit 4' })).exitCode, 4);
      const next = await nextConnection(observer, 1);
      assert.equal(exitOf(next, exec(next, 'bash').row).code, 4);
      assert.deepEqual(leftIn(observer.pid), ['AT_class: 1']);
    } finally {
      await observer.stop();
    }
  });
});

describe('sshd -i of the bpftrace producer', { skip: whyNotBpftrace(), timeout: 60_000 }, () => {
  it('is a program of that name whose input is a TCP connection, and none whose input is another socket', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const observer = await observe();
    try {
      const to = `sockaddr_in(${address.port}, INADDR_LOOPBACK)`;
      const inputs = {
        connection: `socket(S, AF_INET, SOCK_STREAM, 0) && connect(S, ${to})`,
        datagrams: `socket(S, AF_INET, SOCK_DGRAM, 0) && connect(S, ${to})`,
        listening: 'socket(S, AF_INET, SOCK_STREAM, 0) && listen(S, 1)',
        local: 'socketpair(S, T, AF_UNIX, SOCK_STREAM, 0)',
      };
      const pids = new Map<number, string>();
      for (const [name, make] of Object.entries(inputs)) {
        // It prints its usage and ends.
        const script = `use Socket; ${make} or die $!; open STDIN, '<&', S; exec '/usr/sbin/sshd', '-?'`;
        const run = startClient('perl', ['-e', script], { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' });
        pids.set(run.pid, name);
        await run.finished;
      }
      // The clock that comes next is behind all of them.
      const clocks = observer.rows().filter((row) => row.k === 'clock').length;
      await observer.until((rows) => (rows.filter((row) => row.k === 'clock').length > clocks + 1 ? true : undefined));
      const taken = observer.rows().filter((row) => row.k === 'accept' && pids.has(row.pid ?? 0));
      assert.deepEqual(
        taken.map((row) => [pids.get(row.pid ?? 0), row.peer_port]),
        [['connection', address.port]],
      );
    } finally {
      await observer.stop();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
