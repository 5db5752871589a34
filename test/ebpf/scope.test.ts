/** sshd in a pid namespace of its own, as in a pod: whose connections are told. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Child, runChild, startChild } from '../../agent/source/child-process.ts';
import { type Row, startProducer, whyNot } from './producer.ts';

const INSIDE = 'mount -t proc proc /proc; mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f "$1"';

describe('the scope of the libbpf producer', { skip: whyNot() }, () => {
  let folder: string;
  let port: number;
  let contained: Child;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sshd-otel-scope-'));
    port = await freePort();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
    const config = `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${folder}/key\nPidFile none\n`;
    writeFileSync(join(folder, 'config'), config);
    const listens = Promise.withResolvers<void>();
    contained = startChild({
      command: 'unshare',
      args: [
        ...['--pid', '--fork', '--kill-child', '--mount', '--propagation', 'private'],
        ...['sh', '-c', INSIDE, 'sshd', join(folder, 'config')],
      ],
      onStderrLine: (line) => line.startsWith('Server listening') && listens.resolve(),
    });
    void contained.exited.then(({ reason }) => listens.reject(new Error(`sshd ${reason}: ${contained.stderrTail()}`)));
    await listens.promise;
  });
  after(async () => {
    // It ignores a polite end while its child lives, and takes it along.
    await contained?.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const knock = () => runChild({ command: 'ssh-keyscan', args: ['-p', String(port), '127.0.0.1'] }, 10_000);
  const here = (row: Row) => row.k === 'accept' && row['local_port'] === port;

  test('all: sshd inside containers is told, with its namespace and its pid there', async () => {
    const producer = await startProducer(['--scope', 'all']);
    try {
      await knock();
      const { pid, start } = await producer.wait('the connection inside', here);
      const born = producer.rows.find((row) => row['child'] === pid && row['child_start'] === start);
      assert.equal(born?.k, 'fork');
      assert.notEqual(born['pidns'], statSync('/proc/self/ns/pid').ino);
      assert.ok(
        Number(born['nspid']) > 1 && Number(born['nspid']) < Number(pid),
        `${born['nspid']} inside, ${pid} outside`,
      );
    } finally {
      await producer.stop();
    }
  });

  test('the host, by default: nothing of sshd inside containers is told', async () => {
    const producer = await startProducer([]);
    try {
      const { stdout } = await knock();
      assert.match(stdout, /ssh-ed25519/);
      await producer.caughtUp();
      assert.deepEqual(
        producer.rows.filter((row) => row['local_port'] === port || (row['role'] === 'listener' && row['nspid'] === 1)),
        [],
      );
    } finally {
      await producer.stop();
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === 'string') throw new Error('no free port');
  return bound.port;
}
