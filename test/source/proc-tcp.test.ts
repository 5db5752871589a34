import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TcpTables } from '../../agent/source/proc-tcp.ts';

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), 'sshd-otel-tcp-'));
});
after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
/** A process's folder as in /proc, with these sockets open in this namespace. `tcp` absent: its table can't be read. */
function process(inodes: readonly number[], tcp?: string, namespace = made): string {
  const folder = join(root, String(made++));
  for (const name of ['fd', 'ns', 'net']) mkdirSync(join(folder, name), { recursive: true });
  inodes.forEach((inode, fd) => {
    symlinkSync(`socket:[${inode}]`, join(folder, 'fd', String(fd)));
  });
  symlinkSync(`net:[${namespace}]`, join(folder, 'ns/net'));
  if (tcp !== undefined) writeFileSync(join(folder, 'net/tcp'), tcp);
  return folder;
}

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (inode: number, state = '01', peer = '0100007F', local = '0100007F') =>
  `   0: ${local}:0016 ${peer}:D431 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4 30 10 -1\n`;

test('both ends of a connection are told, of two connections none', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const one = connect(port, '127.0.0.1');
  await Promise.all([once(one, 'connect'), once(server, 'connection')]);
  // Both ends are in this process.
  assert.equal(new TcpTables().connectedEndpoints('/proc/self'), undefined);
  assert.equal(new TcpTables().stateOf('/proc/self'), 'listening');
  one.destroy();
  server.close();
});

test('only sockets of its own tell what a process is', () => {
  const table = `${HEAD}${row(1, '0A')}${row(2)}${row(3, '08')}${row(4, '06')}`;
  const stateOf = (...inodes: number[]) => new TcpTables().stateOf(process(inodes, table));
  assert.deepEqual(
    [stateOf(2), stateOf(1, 2), stateOf(3), stateOf(4), stateOf(9), stateOf()],
    ['connected', 'listening', 'connected', 'none', 'none', 'none'],
  );
});

test('the table of a namespace is read once, however many processes are in it', () => {
  const tables = new TcpTables();
  const table = `${HEAD}${row(1)}${row(2)}`;
  assert.equal(tables.stateOf(process([1], table, 7)), 'connected');
  assert.equal(tables.stateOf(process([2], undefined, 7)), 'connected');
  assert.equal(tables.stateOf(process([2], undefined, 8)), 'none');
});

test('of a table that is too long only what listens is taken: half of the connections may look like all', () => {
  const table = `${HEAD}${row(1, '0A')}${row(2)}${row(3)}`;
  const tables = new TcpTables(table.length - 1);
  assert.equal(tables.connectedEndpoints(process([2], table, 7)), undefined);
  assert.equal(tables.stateOf(process([1], undefined, 7)), 'listening');
  // Nor is any room left for another namespace, but for its listeners.
  assert.equal(tables.stateOf(process([2], table, 8)), 'none');
  assert.equal(tables.stateOf(process([1], table, 9)), 'listening');
  assert.equal(new TcpTables(table.length).connectedEndpoints(process([2], table))?.peer_port, 54321);
});

test('a table is read over the ends of its pieces', () => {
  const table = HEAD + Array.from({ length: 5_000 }, (_, inode) => row(inode)).join('');
  const tables = new TcpTables();
  for (const inode of [0, 430, 2_500, 4_999])
    assert.equal(tables.stateOf(process([inode], table, 7)), 'connected', String(inode));
});

test('addresses of IPv6 are shortened, mapped ones are those of IPv4', () => {
  const ends = (peer: string) =>
    new TcpTables().connectedEndpoints(process([77], row(77, '01', peer, '00000000000000000000000001000000')));
  assert.equal(ends('0000000000000000FFFF00000100007F')?.peer, '127.0.0.1');
  assert.equal(ends('B80D0120000000000000000001000000')?.peer, '2001:db8::1');
  assert.equal(ends('000080FE00000000FF00020100000000')?.peer, 'fe80::102:ff:0:0');
  assert.deepEqual(ends('00000000000000000000000001000000'), {
    ...{ peer: '::1', peer_port: 54321, local: '::1', local_port: 22 },
  });
  assert.equal(ends('zz'), undefined);
});
