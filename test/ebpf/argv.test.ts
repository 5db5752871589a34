import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { argvOf, type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';

const ZOO = fileURLToPath(new URL('./exec-zoo.c', import.meta.url));

/** Inside the laboratory. */
const FOLDER = '/run/lab/zoo';

/** As `argument` in exec-zoo.c. */
function expectedArgv(count: number, length: number): Buffer {
  const whole = Buffer.alloc(count * (length + 1));
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < length; i++) whole[n * (length + 1) + i] = ((n * 7 + i) % 255) + 1;
  }
  return whole;
}

describe('argv of the libbpf producer, byte for byte', { skip: whyNot() }, () => {
  let lab: Lab;
  let producer: Producer;
  const zoo = `${FOLDER}/exec-zoo`;

  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
    await mkdir(`${lab.insideRoot}${FOLDER}`);
    execFileSync('cc', ['-O1', '-pthread', '-o', `${lab.insideRoot}${zoo}`, ZOO]);
    producer = await startProducer(['--listener', String(lab.listenerPid), '--exact']);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  /** Rows of the session in which `command` ran. */
  async function session(command: string): Promise<Row[]> {
    const from = producer.rows.length;
    const run = await lab.ssh({ command });
    assert.equal(run.exitCode, 0, run.stderr);
    const monitor = producer.rows.slice(from).find((row) => row.k === 'accept');
    await producer.wait('end', (row) => row.k === 'exit' && row['start'] === monitor?.['start']);
    return producer.rows.slice(from);
  }

  const isTrue = (row: Row) => row.k === 'exec' && /true$/.test(textOf(row['file']));

  async function zooRun(how: string, count: number, length: number): Promise<[rows: Row[], exec: Row]> {
    const rows = await session(`${zoo} ${how} ${count} ${length}`);
    const exec = rows.find(isTrue);
    assert.ok(exec, `${how} was not seen`);
    return [rows, exec];
  }

  for (const [what, count, length] of [
    ['the shortest', 1, 4],
    ['just what an exec record holds', 1, 511],
    ['one byte more', 1, 512],
    ['just a small piece', 1, 4095],
    ['one byte more', 1, 4096],
    ['just two large pieces', 1, 65_535],
    ['the longest single argument, 128 KiB', 1, 131_071],
    ['2 MB in 17 arguments', 17, 121_472],
    ['100,000 arguments', 100_000, 6],
    ['empty arguments', 5, 0],
  ] as const) {
    test(`${what}: ${count} of ${length} bytes`, async () => {
      const [rows, exec] = await zooRun('/bin/true', count, length);
      const argv = argvOf(rows, exec);
      assert.ok(argv, 'not complete');
      assert.ok(argv.equals(expectedArgv(count, length)), `${argv.length} bytes, not the right ones`);
    });
  }

  test('no argv[0]: the empty one that the kernel puts there', async () => {
    const [rows, exec] = await zooRun('/bin/true', 0, 0);
    assert.equal(argvOf(rows, exec)?.toString('latin1'), '\0');
  });

  test('a script: what runs is the interpreter, the file is the script', async () => {
    const script = `${FOLDER}/script`;
    await writeFile(`${lab.insideRoot}${script}`, '#!/bin/sh -e\n/bin/true\n', { mode: 0o755 });
    const rows = await session(`${script} a 'b c'`);
    const exec = rows.find((row) => row.k === 'exec' && textOf(row['file']) === script);
    assert.equal(argvOf(rows, exec as Row)?.toString(), `/bin/sh\0-e\0${script}\0a\0b c\0`);
    assert.equal(textOf(exec?.['comm']), 'script');
  });

  test('exec by a thread: the process, and which thread', async () => {
    const [rows, exec] = await zooRun('thread', 2, 3);
    const before = rows.find((row) => row.k === 'exec' && textOf(row['file']) === zoo);
    assert.equal(exec['pid'], before?.['pid']);
    assert.equal(exec['start'], before?.['start']);
    assert.notEqual(exec['old'], exec['pid']);
    assert.ok(argvOf(rows, exec)?.equals(expectedArgv(2, 3)));
    assert.equal(rows.filter((row) => row.k === 'exit' && row['pid'] === exec['pid']).length, 1);
  });

  for (const how of ['spawn', 'vfork']) {
    test(`${how}: a process of its own, below the one that called`, async () => {
      const [rows, exec] = await zooRun(how, 2, 300);
      const fork = rows.find((row) => row.k === 'fork' && row['child'] === exec['pid']);
      assert.equal(fork?.['child_start'], exec['start']);
      assert.equal(fork?.['pid'], exec['ppid']);
      assert.ok(argvOf(rows, exec)?.equals(expectedArgv(2, 300)));
    });
  }

  test('fexecve: the arguments, and a name of a file descriptor', async () => {
    const rows = await session(`${zoo} fexecve 2 3`);
    const exec = rows.find((row) => row.k === 'exec' && /^\/dev\/fd\/\d+$/.test(textOf(row['file'])));
    assert.ok(argvOf(rows, exec as Row)?.equals(expectedArgv(2, 3)));
  });

  test('an exec that fails: exact mode tells the file and the reason', async () => {
    const [rows, exec] = await zooRun('fail', 1, 3);
    const failed = rows.filter((row) => row.k === 'execfail' && row['pid'] === exec['pid']);
    assert.deepEqual(
      failed.map((row) => [row['ret'], textOf(row['file'])]),
      [[-2, '/nowhere/program']],
    );
  });

  test('a path that the exec record has no room for follows in a piece', async () => {
    const path = `${FOLDER}/${'./'.repeat(900)}true`;
    await copyFile('/bin/true', `${lab.insideRoot}${FOLDER}/true`);
    const rows = await session(`${path} x`);
    const piece = rows.find((row) => row.k === 'bytes' && row['of'] === 'file');
    assert.equal(textOf(piece?.['data']), path);
    assert.equal(piece?.['total'], path.length);
    const exec = rows.find((row) => row.k === 'exec' && row['ts'] === piece?.['ts']);
    assert.equal(exec?.['file'], undefined);
  });

  test('exact mode: setsid and setresuid at once, and once', async () => {
    const rows = await session('true');
    const leaders = rows.filter((row) => row.k === 'setsid' && row['sid'] === row['pid']);
    assert.deepEqual(
      leaders.map((row) => row['late']),
      [undefined, undefined],
      'monitor and leader',
    );
    const user = rows.filter((row) => row.k === 'setresuid' && (row['uid'] as number[])[0] === lab.users.alice.uid);
    assert.ok(user.length > 0 && user.every((row) => row['late'] === undefined));
  });
});
