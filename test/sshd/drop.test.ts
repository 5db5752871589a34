import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { tell } from '../helpers/model.ts';

test('a connection that sshd does not admit is told, with its peer and nothing else', () => {
  const listener = { pid: 812, startNs: 5n };
  const drop = (tsNs: bigint, peerPort: number): KernelEvent => ({
    kind: 'drop',
    tsNs,
    process: listener,
    role: 'listener',
    peer: '192.0.2.9',
    peerPort,
  });
  const told = tell([drop(100n, 4001), drop(200n, 4002)]);
  assert.deepEqual(
    told.connections.map(({ facts: c, closed }) => [
      c.endpoints?.peer,
      c.endpoints?.peerPort,
      c.disconnectReason,
      c.authenticated,
      closed,
    ]),
    [
      ['192.0.2.9', 4001, 'not_admitted', false, true],
      ['192.0.2.9', 4002, 'not_admitted', false, true],
    ],
  );
  assert.deepEqual(told.left, { connections: 0, processes: 0 });
  assert.notDeepEqual(told.connections[0]?.facts.id, told.connections[1]?.facts.id);
});
