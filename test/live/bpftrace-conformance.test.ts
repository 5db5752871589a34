/**
 * Each record of the bpftrace producer against what a real client did with a real sshd. `bpftrace-versions.sh` runs this
 * with each version of bpftrace.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LoginOptions } from '../../agent/lab/client.ts';
import type { ClientRun } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import {
  assertWholeTree,
  dialogue,
  exec,
  exitOf,
  fingerprintOf,
  numberedRecords,
  strayLines,
  stringAt,
  typesOf,
} from './bpftrace/facts.ts';
import {
  type Connection,
  endedConnections,
  longValue,
  nextConnection,
  type Observer,
  observe,
  type Row,
  textOf,
  whyNotBpftrace,
} from './bpftrace/observer.ts';
import { findSecret } from './search.ts';

describe('the bpftrace producer, a login at a time', { skip: whyNotBpftrace(), timeout: 300_000 }, () => {
  let lab: Lab;
  let observer: Observer;

  before(async () => {
    lab = await startLab({
      authorizedKeysSeconds: 0.05,
      config: { ChallengeResponseAuthentication: 'yes', PermitRootLogin: 'yes', AcceptEnv: 'LC_* TRACE*' },
    });
    observer = await observe({ listenerPid: lab.listenerPid });
  });
  after(async () => {
    await observer?.stop();
    await lab?.stop();
  });

  async function login(options: LoginOptions): Promise<{ run: ClientRun; connection: Connection }> {
    const known = endedConnections(observer.rows()).length;
    const run = await lab.ssh(options);
    const connection = await nextConnection(observer, known);
    assertWholeTree(connection);
    return { run, connection };
  }

  it('introduces itself with the host that the launcher named', () => {
    const [hello] = observer.rows();
    assert.equal(hello?.k, 'hello');
    assert.match(hello?.boot_id ?? '', /^[0-9a-f-]{36}$/);
  });

  it('tells a key login after two wrong keys: addresses, keys, helpers, the command, every end', async () => {
    const { good, oldLaptop, workstation } = lab.keys;
    const { run, connection } = await login({
      keys: [oldLaptop, workstation, good],
      command: '/bin/false; sh -c "kill -9 \\$\\$"; exit 3',
      env: { TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', LC_SECRET: 'not-for-you-1234' },
      config: ['SendEnv=TRACEPARENT LC_SECRET'],
    });
    assert.equal(run.exitCode, 3);
    const { accept } = connection;
    assert.equal(accept.peer, '127.0.0.1');
    assert.equal(accept.local, '127.0.0.1');
    assert.equal(accept.local_port, lab.port);

    assert.deepEqual(dialogue(connection), [8, 9, 22, 23, 22, 23, 22, 23, 22, 23, 24, 25, 102, 103, 26]);
    const user = connection.messages.find(({ type }) => type === 8);
    assert.equal(stringAt(user?.data ?? Buffer.alloc(4), 0).toString(), 'alice');
    assert.deepEqual(
      connection.messages.filter(({ type }) => type === 22).map(({ data }) => fingerprintOf(data)),
      [oldLaptop, workstation, good, good].map((key) => key.fingerprint),
    );
    assert.deepEqual(
      connection.messages.filter(({ type }) => type === 23).map(({ data }) => data.readUInt32BE(0)),
      [0, 0, 1, 1],
    );

    const helpers = connection.execs.filter(({ argv }) => argv[1] === '/run/lab/authorized-keys');
    assert.deepEqual(
      helpers.map(({ argv, row }) => [argv[2], argv[3], exitOf(connection, row).code, row.uid?.[0]]),
      [oldLaptop, workstation, good, good].map((key) => ['alice', key.fingerprint, 0, 65534]),
    );
    assert.equal(
      longValue(connection.rows, helpers[0]?.row as Row, 'file').bytes.toString(),
      '/run/lab/authorized-keys',
    );

    const leader = exec(connection, 'bash');
    assert.deepEqual(leader.argv, ['bash', '-c', '/bin/false; sh -c "kill -9 \\$\\$"; exit 3']);
    assert.equal(exitOf(connection, leader.row).code, 3);
    assert.equal(leader.row.role, 'program');
    assert.deepEqual(leader.row.uid, [59001, 59001, 59001]);
    assert.equal(leader.row.sid, leader.row.pid);
    assert.ok(connection.rows.some((row) => row.k === 'setsid' && row.pid === leader.row.pid));
    assert.equal(exitOf(connection, exec(connection, '/bin/false').row).code, 1);
    assert.equal(exitOf(connection, exec(connection, 'sh').row).signal ?? 0, 0, 'motd helper');
    const killed = connection.execs.find(({ argv }) => argv[2] === 'kill -9 $$');
    assert.equal(exitOf(connection, killed?.row as Row).signal, 9);

    const env = connection.rows.filter((row) => row.k === 'env').map((row) => textOf(row.data));
    assert.deepEqual(env.sort(), [
      `SSH_CLIENT=127.0.0.1 ${accept.peer_port} ${lab.port}`,
      `SSH_CONNECTION=127.0.0.1 ${accept.peer_port} 127.0.0.1 ${lab.port}`,
      'TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ]);
  });

  it('tells of two wrong passwords and the right one, and of none what it was', async () => {
    const marker = 'planted-marker-in-argv-7f3a';
    const password = lab.users.bob.password ?? '';
    const wrong = ['Tr0ub4dor&3-first', 'correct-horse-second'];
    const { run, connection } = await login({
      user: 'bob',
      passwords: [...wrong, password],
      command: `/bin/true ${marker}`,
    });
    assert.equal(run.exitCode, 0);
    assert.deepEqual(dialogue(connection), [8, 9, 12, 13, 12, 13, 12, 13, 102, 103, 26]);
    const answers = connection.messages.filter(({ type }) => type === 13).map(({ data }) => data.readUInt32BE(0));
    assert.deepEqual(answers, [0, 0, 1]);
    const asked = connection.messages.find(({ type }) => type === 12);
    assert.equal(asked?.len, 4 + (wrong[0]?.length ?? 0));
    assert.equal(asked?.data.length, 0);
    assert.notDeepEqual(findSecret(observer.text(), marker), [], 'the search finds what is there');
    for (const secret of [...wrong, password]) assert.deepEqual(findSecret(observer.text(), secret), []);
  });

  it('tells keyboard-interactive attempts without what was answered', async () => {
    const password = lab.users.carol.password ?? '';
    const { run, connection } = await login({
      user: 'carol',
      passwords: [password],
      methods: 'keyboard-interactive',
      command: 'true',
    });
    assert.equal(run.exitCode, 0);
    const expected = [8, 9, 104, 105, 106, 107, 108, 109, 106, 107, 108, 109, 110, 111, 102, 103, 26];
    assert.deepEqual(dialogue(connection), expected);
    assert.ok(connection.messages.filter(({ type }) => type === 108).every(({ data }) => data.length === 0));
    assert.deepEqual(findSecret(observer.text(), password), []);
  });

  it('tells a terminal: its name from the monitor, from the environment and at its end', async () => {
    const { run, connection } = await login({ pty: true, command: 'exit 5' });
    assert.equal(run.exitCode, 5);
    const answer = connection.messages.find(({ type }) => type === 29)?.data ?? Buffer.alloc(8);
    const tty = stringAt(answer, 4).toString();
    assert.match(tty, /^\/dev\/pts\/\d+$/);
    assert.equal(answer.length, 8 + tty.length, 'nothing behind the name');
    const env = connection.rows.filter((row) => row.k === 'env').map((row) => textOf(row.data));
    assert.ok(env.includes(`SSH_TTY=${tty}`));
    const gone = connection.messages.find(({ type }) => type === 30);
    assert.equal(stringAt(gone?.data ?? Buffer.alloc(4), 0).toString(), tty);
  });

  it('tells a transfer by sftp, which runs no program', async () => {
    const known = endedConnections(observer.rows()).length;
    const run = await lab.sftp('pwd\n');
    assert.equal(run.exitCode, 0);
    const connection = await nextConnection(observer, known);
    assertWholeTree(connection);
    const command = connection.messages.find(({ type }) => type === 113);
    if (command !== undefined) assert.match(stringAt(command.data, 0).toString(), /sftp/);
    const leader = connection.rows.find((row) => row.k === 'setsid' && row.pid !== connection.accept.pid);
    assert.ok(leader, 'the session has a leader');
    assert.ok(!connection.execs.some(({ row }) => row.pid === leader.pid));
    assert.match(textOf(exitOf(connection, leader).title), /internal-sftp/);
  });

  it('tells of root', async () => {
    const { run, connection } = await login({ user: 'root', command: 'exit 6' });
    assert.equal(run.exitCode, 6);
    const leader = exec(connection, 'bash');
    assert.deepEqual(leader.row.uid, [0, 0, 0]);
    assert.equal(leader.row.role, 'program');
    assert.equal(exitOf(connection, leader.row).code, 6);
    assert.ok(typesOf(connection).includes(26));
  });

  it('tells an unknown user by the name that was given', async () => {
    const { run, connection } = await login({ user: 'mallory', passwords: ['no-such-user-password'], command: 'true' });
    assert.equal(run.exitCode, 255);
    assert.deepEqual(dialogue(connection), [8, 9, 12, 13]);
    assert.equal(
      stringAt(connection.messages.find(({ type }) => type === 8)?.data ?? Buffer.alloc(4), 0).toString(),
      'mallory',
    );
    const valid = connection.messages.find(({ type }) => type === 9);
    assert.deepEqual([...(valid?.data ?? [])], [0], 'one byte and no more');
    assert.ok(!typesOf(connection).includes(26));
  });

  it('copies arguments with any bytes', async () => {
    const nasty = ['a\nb', '{"k":"end"}\n', '"', '', '\u00ff\u00fe\u0080', '', 'last'].map((arg) =>
      Buffer.from(arg, 'latin1'),
    );
    const packed = nasty.map((arg) => `x${arg.toString('hex')}`).join(' ');
    const command = `perl -e 'exec { "/bin/true" } map { pack "H*", substr $_, 1 } @ARGV' ${packed}`;
    const { connection } = await login({ command });
    const found = exec(connection, 'a\nb');
    assert.deepEqual(
      found.argv,
      nasty.map((arg) => arg.toString('latin1')),
    );
    assert.ok(
      observer
        .text()
        .split('\n')
        .every((line) => line === '' || line.startsWith('{"k":"')),
    );
  });

  it('tells the true length of arguments that it has to cut, and copies 4080 bytes of them', async () => {
    const { connection } = await login({ command: `perl -e 'exec { "/bin/true" } "long", "y" x 100_000'` });
    const found = connection.execs.find(({ argv, row }) => argv[0] === 'long' || (row.argv_len ?? 0) > 100_000);
    assert.equal(found?.row.argv_len, 100_006);
    const { bytes, total } = longValue(connection.rows, found?.row as Row, 'argv');
    assert.equal(total, 100_006);
    assert.equal(bytes.toString('latin1'), `long\0${'y'.repeat(4_075)}`);
  });

  it('tells of a program that could not be started', async () => {
    const { connection } = await login({ command: '/no/such/program' });
    const failed = connection.rows.filter((row) => row.k === 'execfail').map((row) => [textOf(row.file), row.ret]);
    assert.ok(
      failed.some(([file, ret]) => file === '/no/such/program' && ret === -2),
      JSON.stringify(failed),
    );
  });

  it('copies no variable whose name only begins like an allowed one', async () => {
    const { connection } = await login({
      command: 'true',
      env: { TRACEPARENTS: 'not-yours-1', TRACESTAT: 'not-yours-2', TRACESTATE: 'a=1' },
      config: ['SendEnv=TRACEPARENTS TRACESTAT TRACESTATE'],
    });
    assert.deepEqual(findSecret(observer.text(), 'not-yours'), []);
    const env = connection.rows.filter((row) => row.k === 'env').map((row) => textOf(row.data).split('=')[0]);
    assert.deepEqual(env.sort(), ['SSH_CLIENT', 'SSH_CONNECTION', 'TRACESTATE']);
    assert.equal(connection.rows.find((row) => textOf(row.data) === 'TRACESTATE=a=1')?.cut ?? 0, 0);
  });

  it('says that a long variable was cut', async () => {
    const { connection } = await login({
      command: 'true',
      env: { TRACESTATE: `a=${'b'.repeat(400)}` },
      config: ['SendEnv=TRACESTATE'],
    });
    const state = connection.rows.find((row) => row.k === 'env' && textOf(row.data).startsWith('TRACESTATE='));
    assert.equal(state?.cut, 1);
  });

  it('ends with its totals, which are the numbers of the records that came', async () => {
    const { code } = await observer.stop();
    assert.equal(code, 0);
    const rows = observer.rows();
    const end = rows.at(-1);
    assert.equal(end?.k, 'end');
    assert.equal(end?.records, numberedRecords(rows));
    assert.deepEqual(strayLines(observer.text()), []);
  });
});
