/** Connections that were open when the bpftrace producer started. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { argvOf, type Observer, observe, type Row, textOf, whyNotBpftrace } from './bpftrace/observer.ts';

/** A boot time of the stream in the ticks of /proc/PID/stat, 10 ms each. */
function ticks(start: string | undefined): bigint {
  return BigInt(start ?? 0) / 10_000_000n;
}

describe('a connection that was there before the tracer', { skip: whyNotBpftrace(), timeout: 120_000 }, () => {
  let lab: Lab;
  const observers: Observer[] = [];

  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
  });
  after(async () => {
    for (const observer of observers) await observer.stop();
    await lab?.stop();
  });

  it('is told as seeds, parents first, with exact starts, and followed to its end', async () => {
    const session = await lab.startSsh({ pty: true, command: 'echo up; read line; /bin/false; exit 7' });
    await session.waitFor('up');
    const observer = await observe({ listenerPid: lab.listenerPid });
    observers.push(observer);
    const opened = await observer.until((rows) => rows.find((row) => row.k === 'seed-end'));
    const seeds = observer.rows().filter((row) => row.k === 'seed');
    assert.equal(opened.n, seeds.length);
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
    // Its socket pair could not be seen made, but it is the monitor's, and what a user child may say.
    const message = rows.find((row) => row.k === 'mon' && row.pid === user?.pid && row.type === 30);
    assert.ok(message, 'it says that the terminal is done with');
    assert.ok(rows.every((row) => row.k !== 'lost'));
  });

  it('that is still logging in is told from there on', async () => {
    const session = await lab.startSsh({
      user: 'bob',
      passwords: ['wrong', lab.users.bob.password ?? ''],
      command: 'exit 8',
    });
    await lab.waitForLog(/^Failed password for bob/);
    const observer = await observe({ listenerPid: lab.listenerPid });
    observers.push(observer);
    session.end();
    const { exitCode } = await session.finished;
    assert.equal(exitCode, 8);
    const monitor = observer.rows().find((row) => row.k === 'seed' && row.conn?.[0] === row.pid);
    if (monitor === undefined) return; // The login was faster than bpftrace's start.
    await observer.until((rows) => rows.find((row) => row.k === 'exit' && row.pid === monitor.pid));
    const types = observer
      .rows()
      .filter((row) => row.k === 'mon')
      .map((row) => row.type);
    assert.ok(types.length > 0);
    assert.ok(ticks(monitor.start) > 0n);
  });
});
