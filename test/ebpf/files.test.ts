/** The files of sftp and scp sessions as exact mode tells them, against what the clients did and what the file system shows. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startClient } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { buildVariant, bytesOf, type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';
import { answerTo, type SftpRequest, sftpRequests } from './sftp-packets.ts';

const EXTERNAL = '/usr/lib/openssh/sftp-server';
const OTHER_CALLS = fileURLToPath(new URL('./other-calls.c', import.meta.url));
const TWO_EXITS = fileURLToPath(new URL('./two-exits.c', import.meta.url));
/** So many that two threads meet in the exit hook some ten times. */
const EXITS = 2_000;
const MARKER = 'content that nobody may see, 4711';
const SENT = Buffer.from(`${MARKER}\n`.repeat(3_000));

/** One operation as a line; an open together with its close. */
function operations(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    if (row['op'] === 'close') return [];
    if (row['op'] === 'rest') return [`rest ${row['n']} ${row['failed']} ${row['read']} ${row['written']}`];
    const paths = [textOf(row['path']), ...(row['to'] === undefined ? [] : [textOf(row['to'])])].join(' -> ');
    const words = [row['mode'] ?? row['op'], paths, ...(row['ret'] === 0 ? [] : [row['ret']])];
    const close = rows.find((one) => one['op'] === 'close' && one['id'] === row['id'] && one['pid'] === row['pid']);
    if (close !== undefined && row['op'] === 'open')
      words.push(`read ${close['read']}`, `written ${close['written']}`, ...(close['forced'] === 1 ? ['forced'] : []));
    return [words.join(' ')];
  });
}

const fillsOf = (producer: Producer): unknown[] => [producer.rows[0]?.['fills']].flat();

describe('the files that the libbpf producer tells in exact mode', { skip: whyNot(), timeout: 120_000 }, () => {
  let lab: Lab;
  let producer: Producer;
  let sent: string;

  before(async () => {
    lab = await startLab({
      authorizedKeysSeconds: 0,
      config: {
        Subsystem: ['sftp internal-sftp', `external ${EXTERNAL}`],
        Match: 'User carol',
        ChrootDirectory: '/home',
        ForceCommand: 'internal-sftp',
      },
    });
    producer = await startProducer(['--listener', String(lab.listenerPid), '--exact']);
    sent = join(lab.folder, 'sent');
    await writeFile(sent, SENT);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  /** What a client's run made the producer tell of files. */
  async function told(work: () => Promise<unknown>): Promise<Row[]> {
    const first = producer.rows.length;
    await work();
    await lab.settled();
    await producer.caughtUp();
    return producer.rows.slice(first).filter((row) => row.k === 'file');
  }

  async function client(program: 'sftp' | 'scp', args: readonly string[]): Promise<void> {
    const options = [...lab.sshArguments(), '-P', String(lab.port)];
    const run = startClient(program, [...options, ...args], { PATH: '/usr/bin:/bin', HOME: lab.folder });
    run.end();
    const { exitCode, stderr } = await run.finished;
    assert.equal(exitCode, 0, stderr);
  }

  async function sftp(batch: string, args: readonly string[] = [], user = 'alice'): Promise<void> {
    const path = join(lab.folder, 'batch');
    await writeFile(path, batch);
    await client('sftp', ['-b', path, ...args, `${user}@127.0.0.1`]);
  }

  /** Bytes straight to a server, as a client that isn't OpenSSH's may send them. */
  const raw = (requests: readonly SftpRequest[], subsystem = 'sftp') =>
    told(async () => {
      const session = await lab.startSsh({ args: ['-s'], command: subsystem });
      session.write(sftpRequests(requests));
      await session.waitFor(answerTo(requests)); // a server that reads the end does not look at what came before it
      session.end();
      await session.finished;
    });

  const home = (path: string) => join(lab.insideRoot, 'home/alice', path);

  for (const [name, args, role] of [
    ['internal-sftp', [], 'sshd'],
    ['the program sftp-server', ['-s', 'external'], 'program'],
  ] as const) {
    test(`${name}: each operation with its path, bytes and result, in order`, async () => {
      const down = join(lab.folder, 'down');
      const rows = await told(() =>
        sftp(
          [`put ${sent} up`, `get up ${down}`, 'mkdir d', 'ls d', 'rename up d/up2', '-rm nothing', 'ln -s up2 d/link']
            .concat(['chmod 600 d/up2', '-rmdir d', 'rm d/link', 'rm d/up2', 'rmdir d'])
            .join('\n'),
          args,
        ),
      );
      assert.deepEqual(await readFile(down), SENT);
      const at = '/home/alice';
      assert.deepEqual(operations(rows), [
        `write ${at}/up read 0 written ${SENT.length}`,
        `read ${at}/up read ${SENT.length} written 0`,
        `mkdir ${at}/d`,
        `list ${at}/d/`,
        `rename ${at}/up -> ${at}/d/up2`,
        `remove ${at}/nothing -2`,
        `symlink ${at}/d/link -> up2`,
        `setstat ${at}/d/up2`,
        `rmdir ${at}/d -39`,
        `remove ${at}/d/link`,
        `remove ${at}/d/up2`,
        `rmdir ${at}/d`,
      ]);
      assert.ok(rows.every((row) => row['role'] === role && row['conn'] !== undefined));
    });
  }

  test('scp, old and new, up and down, one file and a folder', async () => {
    const to = 'alice@127.0.0.1:';
    const up = `read 0 written ${SENT.length}`;
    assert.deepEqual(operations(await told(() => client('scp', ['-O', sent, `${to}old`]))), [`write old ${up}`]);
    assert.deepEqual(operations(await told(() => client('scp', [sent, `${to}new`]))), [`write new ${up}`]);
    const back = await told(() => client('scp', ['-O', `${to}old`, join(lab.folder, 'back')]));
    assert.deepEqual(operations(back), [`read old read ${SENT.length} written 0`]);

    const folder = await told(() => client('scp', ['-O', '-r', '/etc/default', `${to}folder`]));
    const names = await readdir(home('folder'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(home(`folder/${name}`))).size));
    const expected = names.map((name, i) => `write folder/${name} read 0 written ${sizes[i]}`);
    const files = operations(folder).filter((line) => line.startsWith('write'));
    assert.deepEqual(files.toSorted(), expected.toSorted());
    assert.ok(operations(folder).includes('mkdir folder'));
  });

  test('in a chroot: paths as they are inside it', async () => {
    const rows = await told(() => sftp(`cd carol\nput ${sent} up\nrm up\n`, [], 'carol'));
    const lines = [`write /carol/up read 0 written ${SENT.length}`, 'remove /carol/up'];
    assert.deepEqual(operations(rows), lines);
  });

  test('paths of any bytes: a newline, no UTF-8, a forged record, as long as the kernel takes, and longer', async () => {
    const long = (length: number) => Buffer.from(`/${'x/'.repeat(length / 2)}`.slice(0, length));
    const paths = [
      Buffer.from('a\nb'),
      Buffer.from([0xff, 0xfe, 0x2f, 0x80]),
      Buffer.from('"}\n{"k":"exit","pid":1}\n'),
      long(4_095),
      long(4_096),
      long(30_000),
    ];
    const rows = await raw(paths.map((path) => ({ type: 'remove', path })));
    assert.equal(rows.length, paths.length);
    for (const [i, path] of paths.entries()) {
      const row = rows[i];
      assert.ok(bytesOf(row?.['path']).equals(path.subarray(0, 4_095)), `path ${i}`);
      assert.equal(row?.['path_cut'], path.length > 4_095 ? 1 : undefined);
      assert.equal(row?.['ret'], path.length > 4_095 ? -36 : -2);
    }
    const rename = await raw([{ type: 'posix-rename', path: long(4_095), to: long(4_000) }]);
    assert.ok(bytesOf(rename[0]?.['path']).equals(long(4_095)) && bytesOf(rename[0]?.['to']).equals(long(4_000)));
  });

  for (const subsystem of ['sftp', 'external']) {
    test(`${subsystem}: a client that leaves in the middle: what was written, and that nobody closed it`, async () => {
      const rows = await raw(
        [
          { type: 'create', path: Buffer.from('half') },
          { type: 'write', handle: 0, data: SENT.subarray(0, 1_000) },
          { type: 'create', path: Buffer.from('none') },
        ],
        subsystem,
      );
      assert.deepEqual(operations(rows), [
        'write half read 0 written 1000 forced',
        'write none read 0 written 0 forced',
      ]);
      assert.equal((await stat(home('half'))).size, 1_000);
    });
  }

  test('beyond the first 500 operations of a server: counted, with their bytes', async () => {
    const requests: SftpRequest[] = Array.from({ length: 510 }, () => ({ type: 'mkdir', path: Buffer.from('m') }));
    requests.push({ type: 'create', path: Buffer.from('late') });
    requests.push({ type: 'write', handle: 0, data: SENT.subarray(0, 77) });
    const lines = operations(await raw(requests));
    assert.equal(lines.length, 501);
    assert.deepEqual([lines[0], lines[1], lines[499]], ['mkdir m', 'mkdir m -17', 'mkdir m -17']);
    assert.equal(lines[500], 'rest 11 10 0 77');
  });

  test('what a session reads and writes by other programs is its own: none is told', async () => {
    const command = `cat < /etc/services > copy; cp copy copy2; scp -q copy copy2; rm copy copy2; ${EXTERNAL} < /dev/null`;
    assert.deepEqual(await told(() => lab.ssh({ command })), []);
  });

  test('a program that goes by the name of a server, and ends in two threads at once, again and again: told once each', async () => {
    execFileSync('cc', ['-O1', '-pthread', '-o', home('sftp-server'), TWO_EXITS]);
    const rows = await told(() => lab.ssh({ command: `./sftp-server ${EXITS} < /dev/zero` }));
    const ends = rows.filter((row) => row['op'] === 'close').map((row) => `${row['pid']} ${row['id']} ${row['exec']}`);
    const opens = rows.filter((row) => row['op'] === 'open');
    assert.equal(opens.length, EXITS);
    // Whoever counts an end twice takes the next server whose pid ends alike for none.
    assert.deepEqual([ends.length, new Set(ends).size], [EXITS, EXITS]);
  });

  test('system calls by their numbers: a new one is told, none of the 32-bit interface for its 64-bit namesake', async () => {
    execFileSync('cc', ['-O1', '-o', home('sftp-server'), OTHER_CALLS]);
    const first = producer.rows.length;
    const rows = await told(() => lab.ssh({ command: './sftp-server < /dev/zero' }));
    const failed = producer.rows.slice(first).filter((row) => row.k === 'execfail');
    assert.deepEqual(
      failed.map((row) => textOf(row['file'])).filter((file) => file === 'forged' || file === '/home/alice/nothing'),
      ['/home/alice/nothing'],
    );
    // -2: no such file. -38: a kernel before 6.6 has no such call.
    assert.match(operations(rows).join('\n'), /^setstat by-fchmodat2 -(?:2|38)$/);
  });

  test('what is in the files is nowhere in the stream', () => {
    const bytes = producer.bytes();
    assert.ok(!bytes.includes(MARKER));
    assert.ok(!bytes.includes(Buffer.from(MARKER).toString('hex')));
    assert.ok(bytes.includes(Buffer.from('/home/alice/up').toString('hex')), 'the search finds what is there');
  });

  test('every record came, and the opening says that files are told', () => {
    assert.ok(fillsOf(producer).includes('file.op'));
    assert.deepEqual(
      producer.rows.filter((row) => row.k === 'lost'),
      [],
    );
  });

  test('files that are open at once: beyond a bound, and those whose place others took, each is a lost record of its own connection', async () => {
    const small = buildVariant('few-files', '-DOPEN_FILES=64 -DOPEN_OF_ONE=100');
    const few = await startProducer(['--listener', String(lab.listenerPid), '--exact'], small);
    try {
      const opened = async (n: number) => {
        const open: SftpRequest[] = Array.from({ length: n }, (_, i) => ({
          type: 'create',
          path: Buffer.from(`o${i}`),
        }));
        const session = await lab.startSsh({ args: ['-s'], command: 'sftp' });
        session.write(sftpRequests(open));
        await session.waitFor(answerTo(open));
        return session;
      };
      for (const session of [await opened(3), await opened(120)]) {
        session.end();
        await session.finished;
      }
      await lab.settled();
      await few.caughtUp();
      const files = few.rows.filter((row) => row.k === 'file');
      const lost = few.rows.filter((row) => row.k === 'lost');
      const mine = String(files[0]?.['conn']);
      for (const [who, n, least] of [
        ['the neighbour', 3, 0],
        ['who opens many', 120, 20],
      ] as const) {
        const own = (row: Row) => (String(row['conn']) === mine) === (who === 'the neighbour');
        const sum = lost.filter(own).reduce((all, row) => all + Number(row['n']), 0);
        const closes = files.filter((row) => row['op'] === 'close').filter(own).length;
        assert.equal(files.filter((row) => row['op'] === 'open').filter(own).length, n, who);
        assert.equal(closes + sum, n, `${who}: ${closes} closes, ${sum} lost`);
        assert.ok(sum >= least, `${who}: ${sum} lost`);
      }
      assert.ok(lost.every((row) => row['of'] === 'file' && row['conn'] !== undefined));
      assert.ok(files.filter((row) => row['op'] === 'close').length <= 64, 'no more than there is room for');
    } finally {
      await few.stop();
    }
  });

  test('the default mode neither tells files nor says that it does', async () => {
    const plain = await startProducer(['--listener', String(lab.listenerPid)]);
    try {
      await sftp('mkdir e\nrmdir e\n');
      await lab.settled();
      await plain.caughtUp();
      assert.ok(!fillsOf(plain).includes('file.op'));
      assert.ok(!plain.rows.some((row) => row.k === 'file'));
    } finally {
      await plain.stop();
    }
  });
});
