import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import {
  argvOf,
  bytesOf,
  numbersAreWhole,
  type Producer,
  type Row,
  startProducer,
  textOf,
  whyNot,
} from './producer.ts';

describe('what the libbpf producer tells of logins', { skip: whyNot() }, () => {
  let lab: Lab;
  let producer: Producer;
  const seen = new Set<unknown>();

  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0.05, config: { ChallengeResponseAuthentication: 'yes' } });
    producer = await startProducer(['--listener', String(lab.listenerPid)]);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  /** Runs a client; the rows of the connection that it made. */
  async function connection(run: () => Promise<unknown>): Promise<Row[]> {
    await run();
    const accept = await producer.wait('accept', (row) => row.k === 'accept' && !seen.has(row['pid']));
    seen.add(accept['pid']);
    const pid = accept['pid'];
    await producer.wait(
      'end of the monitor',
      (row) => row.k === 'exit' && row['pid'] === pid && row['start'] === accept['start'],
    );
    // The socket may outlive the monitor: it is closed when the peer has acknowledged.
    await producer.wait(
      'close of the socket',
      (row) => row.k === 'tcp' && row['new'] === 7 && (row['conn'] as unknown[] | undefined)?.[0] === pid,
    );
    return producer.rows.filter((row) => (row['conn'] as unknown[] | undefined)?.[0] === pid);
  }
  const kind = (rows: readonly Row[], k: string): Row[] => rows.filter((row) => row.k === k);
  const types = (rows: readonly Row[]) => kind(rows, 'mon').map((row) => row['type']);

  test('the listener is a seed with all that is known of it', () => {
    const seed = producer.rows.find((row) => row.k === 'seed');
    assert.equal(seed?.['pid'], lab.listenerPid);
    assert.equal(seed?.['role'], 'listener');
    assert.equal(textOf(seed?.['comm']), 'sshd');
    assert.match(textOf(seed?.['title']), /\[listener\]/);
    assert.deepEqual(seed?.['uid'], [0, 0, 0]);
    assert.equal(producer.rows.find((row) => row.k === 'hello')?.['v'], 1);
  });

  test('a key login: address, dialogue, helper, session, environment, exit code, bytes', async () => {
    let client = '';
    const rows = await connection(async () => {
      const run = await lab.ssh({
        keys: [lab.keys.good],
        command: 'exec sh -c "/bin/true; exit 5"',
        args: ['-o', 'SendEnv=TRACEPARENT'],
        env: { TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      });
      assert.equal(run.exitCode, 5);
      client = run.stderr;
    });
    const accept = rows.find((row) => row.k === 'accept');
    assert.equal(accept?.['peer'], '127.0.0.1');
    assert.equal(accept?.['local_port'], lab.port);
    const essential = types(rows).filter((type) => [8, 9, 22, 23, 24, 25, 26, 102, 103].includes(Number(type)));
    assert.deepEqual(essential, [8, 9, 22, 23, 22, 23, 24, 25, 102, 103, 26]);
    const name = kind(rows, 'mon').find((row) => row['type'] === 8);
    assert.equal(textOf(name?.['data']), '\0\0\0\x05alice');

    const monitor = accept?.['pid'];
    const helper = kind(rows, 'exec').find((row) => textOf(row['file']).endsWith('authorized-keys'));
    assert.equal(helper?.['ppid'], monitor);
    assert.equal(helper?.['role'], 'program');

    const leader = kind(rows, 'setsid').find((row) => row['sid'] === row['pid'] && row['pid'] !== monitor);
    const first = kind(rows, 'exec').find((row) => row['pid'] === leader?.['pid']);
    assert.equal(argvOf(rows, first as Row)?.toString('latin1'), 'bash\0-c\0exec sh -c "/bin/true; exit 5"\0');
    assert.deepEqual(first?.['uid'], [lab.users.alice.uid, lab.users.alice.uid, lab.users.alice.uid]);
    const env = kind(rows, 'env').filter((row) => row['pid'] === first?.['pid'] && row['ts'] === first?.['ts']);
    const variables = env.map((row) => textOf(row['data'])).sort();
    assert.deepEqual(
      variables.map((variable) => variable.replace(/=.*/, '')),
      ['SSH_CLIENT', 'SSH_CONNECTION', 'TRACEPARENT'],
    );
    assert.equal(variables[1], `SSH_CONNECTION=127.0.0.1 ${accept?.['peer_port']} 127.0.0.1 ${lab.port}`);
    const end = kind(rows, 'exit').find((row) => row['pid'] === leader?.['pid']);
    assert.deepEqual([end?.['code'], end?.['signal'], end?.['core']], [5, 0, 0]);

    const last = kind(rows, 'tcp').at(-1);
    const [, sent = '0', received = '0'] = /sent (\d+), received (\d+) bytes/.exec(client) ?? [];
    assert.equal(last?.['new'], 7);
    // The client counts encrypted packets, the kernel also the banners and the plain key exchange.
    const between = (n: number, low: number) => assert.ok(n >= low && n < low + 8_192, `${n} for ${low}`);
    between(Number(last?.['rx']), Number(sent));
    between(Number(last?.['tx']), Number(received));
    assert.match(String(kind(rows, 'tcp')[0]?.['by']), /^(peer|local)$/);
    assert.equal(new Set(kind(rows, 'tcp').map((row) => row['sk'])).size, 1);
    assert.ok(kind(rows, 'log').some((row) => textOf(row['data']).includes('Accepted publickey for alice')));
  });

  test('a rejected key before the good one', async () => {
    const rows = await connection(() => lab.ssh({ keys: [lab.keys.workstation, lab.keys.good], command: 'true' }));
    const answers = kind(rows, 'mon')
      .filter((row) => row['type'] === 23)
      .map((row) => bytesOf(row['data']).readUInt32BE());
    assert.deepEqual(answers, [0, 1, 1]);
  });

  test('passwords: the attempts and their results, and nothing else of them', async () => {
    const right = lab.users.alice.password ?? '';
    const rows = await connection(() => lab.ssh({ passwords: ['not-the-one', right], command: 'true' }));
    const requests = kind(rows, 'mon').filter((row) => row['type'] === 12);
    assert.deepEqual(
      requests.map((row) => [row['len'], row['total'], row['data']]),
      [
        [4 + 11, 0, undefined],
        [4 + right.length, 0, undefined],
      ],
    );
    const answers = kind(rows, 'mon')
      .filter((row) => row['type'] === 13)
      .map((row) => bytesOf(row['data']).readUInt32BE());
    assert.deepEqual(answers, [0, 1]);
    assert.ok(types(rows).includes(26));
  });

  test('a password of one character is not taken for a message', async () => {
    // Its payload is 5 bytes, as a header is: 00 00 00 01 and the character, here the number of "authenticated".
    const rows = await connection(() => lab.ssh({ passwords: ['\x1a'], command: 'true' }));
    assert.deepEqual(
      types(rows).filter((type) => type === 12 || type === 26),
      [12],
    );
  });

  test('keyboard-interactive: the PAM child is not heard', async () => {
    const password = lab.users.alice.password ?? '';
    const rows = await connection(() =>
      lab.ssh({ passwords: [password], methods: 'keyboard-interactive', command: 'true' }),
    );
    const dialogue = types(rows).filter((type) => Number(type) >= 104 && Number(type) <= 111);
    assert.deepEqual(dialogue.slice(0, 4), [104, 105, 106, 107]);
    assert.ok(types(rows).includes(26));
    const writers = new Set(kind(rows, 'mon').map((row) => row['pid']));
    assert.equal(writers.size, 3, 'monitor, net child and user child');
  });

  test('a terminal session: its name, and how it ended', async () => {
    const rows = await connection(() => lab.ssh({ pty: true, command: 'kill -9 $$' }));
    const pty = kind(rows, 'mon').find((row) => row['type'] === 29);
    const granted = bytesOf(pty?.['data']);
    assert.equal(granted.readUInt32BE(0), 1);
    assert.match(granted.subarray(8).toString(), /^\/dev\/pts\/\d+$/);
    assert.ok(kind(rows, 'env').some((row) => textOf(row['data']).startsWith('SSH_TTY=/dev/pts/')));
    assert.ok(kind(rows, 'exit').some((row) => row['signal'] === 9));
  });

  test('internal sftp: a session that runs no program is seen within two seconds', async () => {
    const rows = await connection(() => lab.sftp('ls\n!sleep 2.2\n'));
    const monitor = rows.find((row) => row.k === 'accept')?.['pid'];
    const leader = kind(rows, 'setsid').find((row) => row['sid'] === row['pid'] && row['pid'] !== monitor);
    assert.ok(leader, 'no session leader');
    const born = kind(rows, 'fork').find((row) => row['child'] === leader['pid']);
    assert.ok(Number(leader['ts']) - Number(born?.['ts']) < 2e9, 'too late');
  });

  test('a client that is killed: the peer closed', async () => {
    const session = await lab.startSsh({ command: 'echo here; sleep 1' });
    const rows = await connection(async () => {
      await session.waitFor('here');
      session.kill('SIGKILL');
      await session.finished;
    });
    const first = kind(rows, 'tcp')[0];
    assert.deepEqual([first?.['old'], first?.['new'], first?.['by']], [1, 8, 'peer']);
  });

  test('an invalid user: only the answer no', async () => {
    const rows = await connection(() => lab.ssh({ user: 'mallory', keys: [lab.keys.good], command: 'true' }));
    const answer = kind(rows, 'mon').find((row) => row['type'] === 9);
    assert.equal(textOf(answer?.['data']), '\0');
    assert.ok(!types(rows).includes(26));
  });

  test('a record is told within 100 ms of what it tells', async () => {
    const session = await lab.startSsh({ command: 'head -n1; /bin/true marker-of-time' });
    await producer.wait('the session', (row) => row.k === 'exec' && textOf(row['argv']).includes('head'));
    session.end('x\n');
    const row = await producer.wait(
      'marker',
      (one) => one.k === 'exec' && textOf(one['argv']).startsWith('/bin/true\0marker-of-time'),
    );
    const uptimeNs = Number(process.hrtime.bigint()); // CLOCK_MONOTONIC; equal to the boot clock unless suspended
    const lateMs = (uptimeNs - Number(row['ts'])) / 1e6;
    await session.finished;
    assert.ok(lateMs < 100, `${lateMs} ms`);
  });

  test('the decoder takes every line, and the numbers prove that nothing is missing', async () => {
    const exit = await producer.stop();
    assert.equal(exit.code, 0, producer.stderr());
    const decoder = new StreamDecoder();
    decoder.push(producer.bytes());
    decoder.end();
    assert.deepEqual(
      Object.values(decoder.counters.rejected).filter((n) => n > 0),
      [],
      JSON.stringify(decoder.errors),
    );
    assert.deepEqual([decoder.counters.missing, decoder.counters.duplicates, decoder.counters.orphanParts], [0, 0, 0]);
    const { tried, came, lost } = numbersAreWhole(producer.rows);
    assert.deepEqual([came, lost], [tried, 0]);
    assert.equal(producer.rows.at(-1)?.['records'], came);
  });
});
