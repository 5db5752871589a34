import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { openProcFacts, procRecord } from '../../agent/source/proc-facts.ts';
import { parseStat } from '../../agent/source/proc-stat.ts';
import { connectedEndpoints, connectionsOf } from '../../agent/source/proc-tcp.ts';

const text = (hex: unknown): string => Buffer.from(String(hex), 'hex').toString('latin1');

/** A line of /proc/PID/stat whose process goes by this name. */
const stat = (name: string) =>
  Buffer.from(`7 (${name}) S 1 7 9 0 -1 0${' 0'.repeat(12)} 4711 ${'0 '.repeat(25)}1000 1030 0 0 0\n`, 'latin1');

test('a name with parentheses, blanks and line ends moves no field', () => {
  for (const name of ['sh', 'a) S 2 3', '((', '\n1 (x) R', '\xff']) {
    const { comm, sid, startTicks, argStart, argEnd } = parseStat(stat(name)) ?? assert.fail(name);
    assert.equal(comm.toString('latin1'), name);
    assert.deepEqual([sid, startTicks, argStart, argEnd], [9, 4711, 1000n, 1030n]);
  }
  assert.equal(parseStat(Buffer.from('nothing of the kind')), undefined);
});

test('what a process may have written itself travels as hex, and of its environment six names only', async () => {
  const child = spawn('/bin/sleep', ['60'], {
    argv0: 'sl"\n{"k":"end"}',
    detached: true,
    env: { SSH_TTY: '/dev/"\n', SSH_AUTH_SOCK: 'secret', SECRET: 'SSH_TTY=x', TRACEPARENT: '00-1' },
  });
  try {
    await once(child, 'spawn');
    const record = procRecord(child.pid ?? 0) ?? assert.fail('it runs');
    assert.ok(!record.includes('\n'));
    const { k, pid, comm, argv, argv_len: length, env } = JSON.parse(record);
    assert.deepEqual([k, pid, text(comm)], ['proc', child.pid, 'sleep']);
    assert.equal(text(argv), 'sl"\n{"k":"end"}\0' + '60\0');
    assert.equal(length, text(argv).length);
    assert.deepEqual(env.map(text).sort(), ['SSH_TTY=/dev/"\n', 'TRACEPARENT=00-1']);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('who is gone, or never was, is left out; the file has one line for each that is there', () => {
  assert.equal(procRecord(4_194_304), undefined);
  const fd = openProcFacts([process.pid, 4_194_304]);
  const lines = readFileSync(`/proc/self/fd/${fd}`, 'utf8').trimEnd().split('\n');
  closeSync(fd);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).pid),
    [process.pid],
  );
  const decoder = new StreamDecoder();
  decoder.push(Buffer.from(`${lines[0]}\n`));
  assert.deepEqual([decoder.counters.records, decoder.errors], [1, []]);
});

test('both ends of a connection are told, of two connections none', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const one = connect(port, '127.0.0.1');
  await once(one, 'connect');
  // Both ends are in this process.
  assert.equal(connectedEndpoints('/proc/self'), undefined);
  const table = readFileSync('/proc/self/net/tcp', 'latin1');
  const inode = table
    .split('\n')
    .find((line) => line.includes(`:${one.localPort?.toString(16).toUpperCase().padStart(4, '0')} 0100007F`));
  const own = new Set([inode?.trim().split(/ +/)[9] ?? '']);
  assert.deepEqual(connectionsOf(table, own), [
    { peer: '127.0.0.1', peer_port: port, local: '127.0.0.1', local_port: one.localPort },
  ]);
  one.destroy();
  server.close();
});

test('addresses of IPv6 are shortened, mapped ones are those of IPv4', () => {
  const row = (local: string, peer: string) =>
    `   0: ${local}:0016 ${peer}:D431 01 00000000:00000000 00:00000000 00000000     0        0 77 1 0 20 4 30 10 -1`;
  const ends = (peer: string) => connectionsOf(row('00000000000000000000000001000000', peer), new Set(['77']))[0];
  assert.equal(ends('0000000000000000FFFF00000100007F')?.peer, '127.0.0.1');
  assert.equal(ends('B80D0120000000000000000001000000')?.peer, '2001:db8::1');
  assert.equal(ends('000080FE00000000FF00020100000000')?.peer, 'fe80::102:ff:0:0');
  assert.deepEqual(ends('00000000000000000000000001000000'), {
    ...{ peer: '::1', peer_port: 54321, local: '::1', local_port: 22 },
  });
  assert.equal(ends('zz'), undefined);
});
