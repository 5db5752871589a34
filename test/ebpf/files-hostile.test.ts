/** What somebody may do to the producer's view of files: strange paths, calls and threads, and more than there is room for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../agent/lab/lab.ts';
import { FilesLab, operations } from './files-lab.ts';
import { buildVariant, bytesOf, type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';
import { answerTo, type SftpRequest, sftpRequests } from './sftp-packets.ts';

const OTHER_CALLS = fileURLToPath(new URL('./other-calls.c', import.meta.url));
const TWO_EXITS = fileURLToPath(new URL('./two-exits.c', import.meta.url));
/** So many that two threads meet in the exit hook some ten times. */
const EXITS = 2_000;

describe('files that the libbpf producer tells of hostile sessions', { skip: whyNot(), timeout: 120_000 }, () => {
  let files: FilesLab;
  let lab: Lab;
  let producer: Producer;

  before(async () => {
    files = await FilesLab.start();
    ({ lab, producer } = files);
  });
  after(() => files?.stop());

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
    const rows = await files.raw(paths.map((path) => ({ type: 'remove', path })));
    assert.equal(rows.length, paths.length);
    for (const [i, path] of paths.entries()) {
      const row = rows[i];
      assert.ok(bytesOf(row?.['path']).equals(path.subarray(0, 4_095)), `path ${i}`);
      assert.equal(row?.['path_cut'], path.length > 4_095 ? 1 : undefined);
      assert.equal(row?.['ret'], path.length > 4_095 ? -36 : -2);
    }
    const rename = await files.raw([{ type: 'posix-rename', path: long(4_095), to: long(4_000) }]);
    assert.ok(bytesOf(rename[0]?.['path']).equals(long(4_095)) && bytesOf(rename[0]?.['to']).equals(long(4_000)));
  });

  test('beyond the first 500 operations of a server: counted, with their bytes', async () => {
    const requests: SftpRequest[] = Array.from({ length: 510 }, () => ({ type: 'mkdir', path: Buffer.from('m') }));
    requests.push({ type: 'create', path: Buffer.from('late') });
    requests.push({ type: 'write', handle: 0, data: Buffer.alloc(77) });
    const lines = operations(await files.raw(requests));
    assert.equal(lines.length, 501);
    assert.deepEqual([lines[0], lines[1], lines[499]], ['mkdir m', 'mkdir m -17', 'mkdir m -17']);
    assert.equal(lines[500], 'rest 11 10 0 77');
  });

  test('a program that goes by the name of a server, and ends in two threads at once, again and again: told once each', async () => {
    execFileSync('cc', ['-O1', '-pthread', '-o', files.home('sftp-server'), TWO_EXITS]);
    const rows = await files.told(() => lab.ssh({ command: `./sftp-server ${EXITS} < /dev/zero` }));
    const ends = rows.filter((row) => row['op'] === 'close').map((row) => `${row['pid']} ${row['id']} ${row['exec']}`);
    const opens = rows.filter((row) => row['op'] === 'open');
    assert.equal(opens.length, EXITS);
    // Whoever counts an end twice takes the next server whose pid ends alike for none.
    assert.deepEqual([ends.length, new Set(ends).size], [EXITS, EXITS]);
  });

  test('system calls by their numbers: a new one is told, none of the 32-bit interface for its 64-bit namesake', async () => {
    execFileSync('cc', ['-O1', '-o', files.home('sftp-server'), OTHER_CALLS]);
    const first = producer.rows.length;
    const rows = await files.told(() => lab.ssh({ command: './sftp-server < /dev/zero' }));
    const failed = producer.rows.slice(first).filter((row) => row.k === 'execfail');
    assert.deepEqual(
      failed.map((row) => textOf(row['file'])).filter((file) => file === 'forged' || file === '/home/alice/nothing'),
      ['/home/alice/nothing'],
    );
    // -2: no such file. -38: a kernel before 6.6 has no such call.
    assert.match(operations(rows).join('\n'), /^setstat by-fchmodat2 -(?:2|38)$/);
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
      const told = few.rows.filter((row) => row.k === 'file');
      const lost = few.rows.filter((row) => row.k === 'lost');
      const mine = String(told[0]?.['conn']);
      for (const [who, n, least] of [
        ['the neighbour', 3, 0],
        ['who opens many', 120, 20],
      ] as const) {
        const own = (row: Row) => (String(row['conn']) === mine) === (who === 'the neighbour');
        const sum = lost.filter(own).reduce((all, row) => all + Number(row['n']), 0);
        const closes = told.filter((row) => row['op'] === 'close').filter(own).length;
        assert.equal(told.filter((row) => row['op'] === 'open').filter(own).length, n, who);
        assert.equal(closes + sum, n, `${who}: ${closes} closes, ${sum} lost`);
        assert.ok(sum >= least, `${who}: ${sum} lost`);
      }
      assert.ok(lost.every((row) => row['of'] === 'file' && row['conn'] !== undefined));
      assert.ok(told.filter((row) => row['op'] === 'close').length <= 64, 'no more than there is room for');
    } finally {
      await few.stop();
    }
  });
});
