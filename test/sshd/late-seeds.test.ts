import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeAll, ofKind, type ToldConnection, tell } from '../helpers/model.ts';

const LISTENER = '"pid":10,"start":"10"';
const MONITOR = '"pid":11,"start":"11000000000","conn":[11,"11000000000"]';

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

/**
 * What a producer tells an agent that comes late of processes that it has followed itself: without titles. A child of the
 * monitor, `uid`, has a child with a session of its own.
 */
function connectionWith(uid: number): ToldConnection {
  const conn = '"conn":[11,"11000000000"]';
  const sshd = `"comm":"${hex('sshd')}","file":"${hex('/usr/sbin/sshd')}"`;
  const uids = `"uid":[${uid},${uid},${uid}]`;
  const command = `"comm":"${hex('bash')}","file":"${hex('/bin/bash')}","argv":"${hex('bash\0-c\0id\0')}","argv_len":11`;
  const ts = '"ts":"20000000000"';
  const lines = [
    `{"k":"hello",${ts},"v":1,"producer":"libbpf","version":"1","fills":["conn","role"]}`,
    `{"k":"clock",${ts},"wall":"1700000000000000000"}`,
    `{"k":"seed",${ts},${LISTENER},"role":"listener","ppid":1,"uid":[0,0,0],"sid":10,${sshd}}`,
    `{"k":"seed",${ts},${MONITOR},"role":"sshd","ppid":10,"pstart":"10","uid":[0,0,0],"sid":11,${sshd}}`,
    `{"k":"seed",${ts},"pid":12,"start":"12000000000",${conn},"role":"sshd","ppid":11,"pstart":"11000000000",${uids},"sid":11,${sshd}}`,
    `{"k":"seed",${ts},"pid":13,"start":"13000000000",${conn},"role":"program","ppid":12,"pstart":"12000000000",${uids},"sid":13,"exec":3,${command}}`,
    `{"k":"seed-end",${ts},"n":4}`,
    '{"k":"clock","ts":"25000000000","wall":"1700000005000000000"}',
  ];
  const [connection] = tell(decodeAll(Buffer.from(`${lines.join('\n')}\n`))).connections;
  assert.ok(connection);
  return connection;
}

describe('what an agent that comes late makes of seeds without titles', () => {
  test("a user's program with a session of its own leads a session", () => {
    const [session] = ofKind(connectionWith(1000), 'session');
    assert.equal(session?.leader.pid, 13);
  });

  test('what pam_exec runs as root has a session of its own and leads none', () => {
    assert.deepEqual(ofKind(connectionWith(0), 'session'), []);
  });
});
