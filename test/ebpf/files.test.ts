/** The files of sftp and scp sessions as exact mode tells them, against what the clients did and what the file system shows. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Lab } from '../../agent/lab/lab.ts';
import { EXTERNAL, FilesLab, operations } from './files-lab.ts';
import { type Producer, startProducer, whyNot } from './producer.ts';

const MARKER = 'content that nobody may see, 4711';
const SENT = Buffer.from(`${MARKER}\n`.repeat(3_000));

const fillsOf = (producer: Producer): unknown[] => [producer.rows[0]?.['fills']].flat();

describe('the files that the libbpf producer tells in exact mode', { skip: whyNot(), timeout: 120_000 }, () => {
  let files: FilesLab;
  let lab: Lab;
  let producer: Producer;
  let sent: string;

  before(async () => {
    files = await FilesLab.start();
    ({ lab, producer } = files);
    sent = join(lab.folder, 'sent');
    await writeFile(sent, SENT);
  });
  after(() => files?.stop());

  for (const [name, args, role] of [
    ['internal-sftp', [], 'sshd'],
    ['the program sftp-server', ['-s', 'external'], 'program'],
  ] as const) {
    test(`${name}: each operation with its path, bytes and result, in order`, async () => {
      const down = join(lab.folder, 'down');
      const rows = await files.told(() =>
        files.sftp(
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
    assert.deepEqual(operations(await files.told(() => files.client('scp', ['-O', sent, `${to}old`]))), [
      `write old ${up}`,
    ]);
    assert.deepEqual(operations(await files.told(() => files.client('scp', [sent, `${to}new`]))), [`write new ${up}`]);
    const back = await files.told(() => files.client('scp', ['-O', `${to}old`, join(lab.folder, 'back')]));
    assert.deepEqual(operations(back), [`read old read ${SENT.length} written 0`]);

    const folder = await files.told(() => files.client('scp', ['-O', '-r', '/etc/default', `${to}folder`]));
    const names = await readdir(files.home('folder'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(files.home(`folder/${name}`))).size));
    const expected = names.map((name, i) => `write folder/${name} read 0 written ${sizes[i]}`);
    const written = operations(folder).filter((line) => line.startsWith('write'));
    assert.deepEqual(written.toSorted(), expected.toSorted());
    assert.ok(operations(folder).includes('mkdir folder'));
  });

  test('in a chroot: paths as they are inside it', async () => {
    const rows = await files.told(() => files.sftp(`cd carol\nput ${sent} up\nrm up\n`, [], 'carol'));
    const lines = [`write /carol/up read 0 written ${SENT.length}`, 'remove /carol/up'];
    assert.deepEqual(operations(rows), lines);
  });

  for (const subsystem of ['sftp', 'external']) {
    test(`${subsystem}: a client that leaves in the middle: what was written, and that nobody closed it`, async () => {
      const rows = await files.raw(
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
      assert.equal((await stat(files.home('half'))).size, 1_000);
    });
  }

  test('what a session reads and writes by other programs is its own: none is told', async () => {
    const command = `cat < /etc/services > copy; cp copy copy2; scp -q copy copy2; rm copy copy2; ${EXTERNAL} < /dev/null`;
    assert.deepEqual(await files.told(() => lab.ssh({ command })), []);
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

  test('the default mode neither tells files nor says that it does', async () => {
    const plain = await startProducer(['--listener', String(lab.listenerPid)]);
    try {
      await files.sftp('mkdir e\nrmdir e\n');
      await lab.settled();
      await plain.caughtUp();
      assert.ok(!fillsOf(plain).includes('file.op'));
      assert.ok(!plain.rows.some((row) => row.k === 'file'));
    } finally {
      await plain.stop();
    }
  });
});
