import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRecords, hex } from './decoding.ts';

const START = '50000000123';
const seed = (more: object = {}) => ({
  ...{ k: 'seed', ts: '60000000000', pid: 7, start: START, role: 'program', sid: 7, comm: hex('bash'), argv_len: 8 },
  ...more,
});
const proc = (more: object = {}) => ({
  ...{ k: 'proc', ts: '59000000000', pid: 7, ticks: 5000, comm: hex('bash'), argv: hex('bash\0-l\0'), argv_len: 8 },
  ...more,
});

function joined(...records: object[]) {
  const { events, decoder } = decodeRecords(records);
  const found = events.find((event) => event.kind === 'seed');
  assert.ok(found?.kind === 'seed');
  return { found, errors: decoder.errors };
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('latin1');

describe('what user space read of a process', () => {
  it('completes its seed', () => {
    const { found } = joined(proc({ env: [hex('SSH_TTY=/dev/pts/0')] }), seed());
    assert.equal(text(found.argv?.bytes), 'bash\0-l\0');
    assert.deepEqual(
      found.env.map(({ name, value }) => [name, text(value.bytes)]),
      [['SSH_TTY', '/dev/pts/0']],
    );
  });

  it('is a title and addresses where sshd itself runs', () => {
    const ends = { peer: '192.0.2.1', peer_port: 5, local: '192.0.2.2', local_port: 22 };
    const sshd = { comm: hex('sshd'), argv: hex('sshd: a [priv]\0\0\0'), argv_len: 17 };
    const { found } = joined(
      proc({ ...sshd, ...ends }),
      seed({ role: 'sshd', comm: hex('sshd'), argv_len: undefined }),
    );
    assert.equal(text(found.title), 'sshd: a [priv]');
    assert.deepEqual([found.argv, found.peer, found.peerPort, found.localPort], [undefined, '192.0.2.1', 5, 22]);
  });

  it('is dropped if it may be of another process, or of another program in it', () => {
    const others = [{ ticks: 5001 }, { comm: hex('sh') }, { argv: hex('bash\0'), argv_len: 5 }, { pid: 8 }];
    for (const other of others) {
      const { found, errors } = joined(proc(other), seed());
      assert.deepEqual([found.argv?.bytes.length, found.env, errors], [0, [], []], JSON.stringify(other));
    }
  });

  it('gives no environment to who leads no session, and no addresses to a program', () => {
    const { found } = joined(proc({ env: [hex('SSH_TTY=x')], peer: '192.0.2.1', peer_port: 5 }), seed({ sid: 6 }));
    assert.deepEqual([found.env, found.peer], [[], undefined]);
  });

  it('is refused with a variable that is not on the list', () => {
    const { errors } = joined(proc({ env: [hex('SECRET=1')] }), seed());
    assert.deepEqual(
      errors.map(({ kind, field }) => [kind, field]),
      [['out-of-range', 'env']],
    );
  });

  it('belongs to the stream that it opened: a new producer tells its own', () => {
    const hello = { k: 'hello', v: 1, ts: '1', producer: 'p', version: '1' };
    assert.equal(joined(proc(), hello, seed()).found.argv?.bytes.length, 0);
  });
});
