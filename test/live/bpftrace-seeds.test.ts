/** Connections that were open when the bpftrace producer started. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { SeedEvent } from '../../agent/decode/kernel-event.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { decodeChunks } from '../decode/decoding.ts';
import { argvOf, type Observer, observe, type Row, textOf, whyNotBpftrace } from './bpftrace/observer.ts';

/** A seed as the agent takes it in, with all that belongs to it. */
function seedOf(observer: Observer, row: Row | undefined): SeedEvent {
  const seed = decodeChunks([Buffer.from(observer.text(), 'latin1')]).events.find(
    (event) => event.kind === 'seed' && event.process.pid === row?.pid,
  );
  assert.ok(seed?.kind === 'seed');
  return seed;
}

const textOfBytes = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

/** While this file of the laboratory is missing, bob's login waits for his keys. */
const GATE = '/run/lab/go';

/** An AuthorizedKeysCommand that says when it has begun to hold a login up. It dies with the laboratory. */
const gatedKeys = `#!/bin/sh
if [ "$1" = bob ]; then
  logger -t gate 'the keys of bob are held back'
  until [ -e ${GATE} ]; do sleep 0.05; done
fi
cat "/run/lab/keys/$1"
`;

/** Many threads without children, and a last one with one. */
const threads = `#!/usr/bin/perl
use threads;
threads->create(sub { sleep 60 }) for 1 .. 60;
threads->create(sub { system 'echo up; exec sleep 61' });
<STDIN>;
kill -9, getpgrp;
`;

/**
 * Hundreds of children, the oldest of which ends all the time and makes room for a new one; and arguments of 112 TB, as
 * prctl(2) (157 on x86_64) lets anybody say of himself where the kernel can restore checkpoints.
 */
const churn = `#!/usr/bin/perl
open my $self, '<', '/proc/self/stat';
my @stat = split ' ', (<$self> =~ s/.*\\) //r);
my $map = pack 'Q12 L2', @stat[23, 24, 42, 43, 44], syscall(12, 0), $stat[25], 65_536, 0x7000_0000_0000, @stat[47, 48], 0,
  0, 0xffff_ffff;
syscall 157, 35, 14, $map, length $map;
my @children;
my $end = time + 90;
for (my $n = 0; time < $end && !-e '/run/lab/calm'; $n++) {
  my $child = fork;
  if (!$child) { sleep 60; exit }
  push @children, $child;
  syswrite STDOUT, "up" if $n == 400;
  next if @children < 300;
  my $oldest = shift @children;
  kill 9, $oldest;
  waitpid $oldest, 0;
}
kill 9, @children;
`;

describe('a connection that was there before the tracer', { skip: whyNotBpftrace(), timeout: 180_000 }, () => {
  let lab: Lab;
  const observers: Observer[] = [];

  before(async () => {
    lab = await startLab({
      config: { AuthorizedKeysCommand: '/run/lab/gate %u' },
      files: { gate: gatedKeys, threads, churn },
    });
  });
  // Not both at once: each costs a second of a core to start.
  afterEach(async () => {
    for (const observer of observers.splice(0)) await observer.stop();
  });
  after(async () => {
    await lab?.stop();
  });

  /** Starts the tracer, and takes what it tells of what runs already. */
  async function seeded(): Promise<{ observer: Observer; seeds: Row[] }> {
    const observer = await observe({ listenerPid: lab.listenerPid });
    observers.push(observer);
    const opened = await observer.until((rows) => rows.find((row) => row.k === 'seed-end'));
    const seeds = observer.rows().filter((row) => row.k === 'seed');
    assert.equal(opened.n, seeds.length);
    return { observer, seeds };
  }

  it('is told as seeds, parents first, with exact starts, and followed to its end', async () => {
    const session = await lab.startSsh({ pty: true, command: 'echo up; read line; /bin/false; exit 7' });
    await session.waitFor('up');
    const { observer, seeds } = await seeded();
    const [listener, monitor, user, shell, ...others] = seeds;
    assert.deepEqual(others, []);
    assert.deepEqual([listener?.pid, listener?.role, listener?.conn], [lab.listenerPid, 'listener', undefined]);
    assert.deepEqual([monitor?.ppid, monitor?.pstart], [listener?.pid, listener?.start]);
    assert.deepEqual(monitor?.conn, [monitor?.pid, monitor?.start]);
    assert.deepEqual([user?.role, user?.uid, user?.conn], ['sshd', [59001, 59001, 59001], monitor?.conn]);
    assert.deepEqual([shell?.role, textOf(shell?.comm), shell?.sid], ['program', 'bash', shell?.pid]);

    session.write('go\n');
    session.end();
    assert.equal((await session.finished).exitCode, 7);
    const gone = (row: Row | undefined): Promise<Row> =>
      observer.until((rows) =>
        rows.find((one) => one.k === 'exit' && one.pid === row?.pid && one.start === row?.start),
      );
    assert.equal((await gone(shell)).code, 7);
    await gone(user);
    await gone(monitor);
    const rows = observer.rows();
    const program = rows.find((row) => row.k === 'exec' && argvOf(rows, row)[0] === '/bin/false');
    assert.deepEqual(program?.conn, monitor?.conn);
    assert.equal(program?.ppid, shell?.pid);
    // What only /proc tells.
    const { peer, peerPort, title } = seedOf(observer, monitor);
    assert.deepEqual([peer, textOfBytes(title)], ['127.0.0.1', 'sshd: alice [priv]']);
    const { argv, env } = seedOf(observer, shell);
    assert.deepEqual(textOfBytes(argv?.bytes).split('\0').slice(0, 2), ['bash', '-c']);
    const client = env.find((one) => one.name === 'SSH_CLIENT')?.value.bytes;
    assert.equal(textOfBytes(client), `127.0.0.1 ${peerPort} ${lab.port}`);
    // Its socket pair could not be seen made, but it is the monitor's, and what a user child may say.
    const message = rows.find((row) => row.k === 'mon' && row.pid === user?.pid && row.type === 30);
    assert.ok(message, 'it says that the terminal is done with');
    assert.ok(rows.every((row) => row.k !== 'lost'));
  });

  it('is told whole, however many run below it, those that a thread started among them', async () => {
    const threads = `perl -Mthreads -e 'threads->create(sub { system("sleep 60") })->join' > /dev/null 2>&1`;
    const many = 'i=0; while [ $i -lt 400 ]; do sleep 60 > /dev/null 2>&1 & i=$((i+1)); done';
    const session = await lab.startSsh({ command: `${threads} & ${many}; echo up; read line; kill $(jobs -p)` });
    await session.waitFor('up');
    const { observer, seeds } = await seeded();
    const sleeps = seeds.filter((row) => textOf(row.comm) === 'sleep');
    assert.equal(sleeps.length, 401);
    assert.ok(observer.rows().every((row) => row.k !== 'lost'));
    const at = new Map(seeds.map((row, index) => [row.pid, index]));
    for (const [index, row] of seeds.slice(1).entries())
      assert.ok((at.get(row.ppid) ?? index + 2) <= index, 'parents first');
    session.end('go\n');
    await session.finished;
  });

  it('is told whatever a neighbour does to hold the walk up', async () => {
    const threaded = await lab.startSsh({ command: '/run/lab/threads' });
    await threaded.waitFor('up');
    const hostile = await lab.startSsh({ command: 'exec /run/lab/churn' });
    await hostile.waitFor('up');
    const neighbour = await lab.startSsh({ command: `sh -c 'sh -c "echo up; read x"; true'; true` });
    await neighbour.waitFor('up');
    const { observer, seeds } = await seeded();
    const names = seeds.filter((row) => row.role === 'program').map((row) => textOf(row.comm));
    assert.equal(names.filter((name) => name === 'sh').length, 2, 'the neighbour is told whole');
    assert.equal(names.filter((name) => name === 'sleep').length, 1, "the last thread's child is told");
    assert.ok(observer.rows().every((row) => row.k !== 'lost'));
    const churning = seeds.find((row) => textOf(row.comm) === 'churn');
    assert.ok(seedOf(observer, churning), 'a length that is no length loses nobody');

    await writeFile(join(lab.insideRoot, '/run/lab/calm'), '');
    neighbour.end('x\n');
    threaded.end('x\n');
    hostile.end();
    await Promise.all([neighbour.finished, threaded.finished, hostile.finished]);
  });

  it('that is still logging in is told from there on', async () => {
    const session = await lab.startSsh({ user: 'bob', command: 'exit 8' });
    session.end();
    await lab.waitForLog(/^the keys of bob are held back$/);
    const { observer, seeds } = await seeded();
    const monitor = seeds.find((row) => row.conn?.[0] === row.pid);
    const net = seeds.find((row) => row.ppid === monitor?.pid && row.role === 'sshd');
    assert.ok(monitor !== undefined && net !== undefined, 'the login is still under way');
    assert.ok(
      seeds.some((row) => row.ppid === monitor.pid && row.role === 'program'),
      'its keys are being looked up',
    );

    await writeFile(join(lab.insideRoot, GATE), '');
    assert.equal((await session.finished).exitCode, 8);
    await observer.until((rows) => rows.find((row) => row.k === 'exit' && row.pid === monitor.pid));
    const ofConnection = observer.rows().filter((row) => row.conn?.[0] === monitor.pid);
    assert.ok(
      ofConnection.some((row) => row.k === 'mon' && row.pid === net.pid && row.type === 26),
      'he was let in',
    );
    const program = ofConnection.find((row) => row.k === 'exit' && row.code === 8);
    assert.deepEqual(program?.uid, [lab.users.bob.uid, lab.users.bob.uid, lab.users.bob.uid]);
  });
});
