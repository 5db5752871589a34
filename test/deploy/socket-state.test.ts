import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectionState } from '../../deploy/image/socket-state.ts';

const table = () => readFileSync('/proc/net/unix', 'latin1');

test('the probe tells a producer without an agent from one with', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sshd otel-'));
  const path = join(folder, 'producer.sock');
  const server = createServer();
  try {
    assert.equal(connectionState(table(), path), 'nobody listens');
    server.listen(path);
    await once(server, 'listening');
    assert.equal(connectionState(table(), path), 'nobody is connected');
    const client = connect(path);
    const [accepted] = await once(server, 'connection');
    assert.equal(connectionState(table(), path), 'connected');
    client.destroy();
    await once(accepted.resume(), 'close');
    assert.equal(connectionState(table(), path), 'nobody is connected');
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

test('sockets without a name are nobody’s', () => {
  assert.equal(connectionState('0: 00000002 00000000 00010000 0001 01 123\n', ''), 'nobody listens');
});
