import assert from 'node:assert/strict';
import { openSync, readFileSync, readSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { dumpMaps, noBpftool } from './maps.ts';
import { type Producer, startProducer, whyNot } from './producer.ts';

/** Every byte that the producer has: its memory, which maps the rings and the counters, and each BPF map. */
function dump(pid: number): Buffer {
  const parts: Buffer[] = [];
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const [, from = '', to = '', rights = ''] = /^(\w+)-(\w+) (\S+)/.exec(line) ?? [];
    if (!rights.startsWith('r') || /\[(vvar|vsyscall)/.test(line)) continue;
    const part = Buffer.alloc(Number.parseInt(to, 16) - Number.parseInt(from, 16));
    try {
      readSync(memory, part, 0, part.length, Number.parseInt(from, 16));
    } catch (error) {
      // Part of a mapping that no page stands behind.
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
      continue;
    }
    parts.push(part);
  }
  for (const json of dumpMaps(pid)) {
    for (const bytes of json.matchAll(/\[("0x[^\]]*)\]/g)) {
      parts.push(Buffer.from((bytes[1] ?? '').replaceAll(/[",]|0x/g, ''), 'hex'));
    }
  }
  return Buffer.concat(parts);
}

/** The spellings in which a secret might be found. */
function spellings(secret: Buffer): Buffer[] {
  const hex = secret.toString('hex');
  const base64 = [0, 1, 2].map((skip) =>
    secret
      .subarray(skip)
      .toString('base64')
      .replace(/..?=*$/, ''),
  );
  return [secret, Buffer.from(hex), Buffer.from(hex.toUpperCase()), ...base64.map((text) => Buffer.from(text))];
}

const found = (where: Buffer, secret: Buffer): boolean =>
  spellings(secret).some((spelling) => where.includes(spelling));

/** The 32 secret bytes of an unencrypted ed25519 key file. */
function secretOf(pem: string): Buffer {
  const blob = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  const name = blob.lastIndexOf('ssh-ed25519');
  return blob.subarray(name + 11 + 4 + 32 + 4, name + 11 + 4 + 32 + 4 + 32);
}

describe('secrets in the memory of the libbpf producer and in its maps', { skip: whyNot() || noBpftool }, () => {
  let lab: Lab;
  let producer: Producer;
  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0, config: { ChallengeResponseAuthentication: 'yes' } });
    producer = await startProducer(['--listener', String(lab.listenerPid)]);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  test('after logins by password, keyboard-interactive and key: none of them, but a marker that was typed in argv', async () => {
    const wrong = 'wrong-Pa55word-kQ7';
    const right = lab.users.alice.password ?? '';
    const marker = 'planted-marker-x9Z';
    const logins = await Promise.all([
      lab.ssh({ passwords: [wrong, right], command: 'true' }),
      lab.ssh({ passwords: [wrong, right], methods: 'keyboard-interactive', command: 'true' }),
      lab.ssh({ command: `true ${marker}` }),
      // What is not on the list of variables, and what passes through a terminal.
      lab.ssh({
        pty: true,
        command: 'read x; true',
        stdin: 'typed-in-a-terminal-r4\n',
        config: ['SetEnv=LC_SECRET=in-the-environment-w2'],
      }),
    ]);
    assert.deepEqual(
      logins.map((run) => run.exitCode),
      [0, 0, 0, 0],
    );
    await producer.caughtUp();
    const all = Buffer.concat([dump(producer.pid), producer.bytes()]);

    assert.ok(found(all, Buffer.from(marker)), 'the search finds nothing at all');
    assert.ok(found(all, Buffer.from('SSH_CONNECTION=127.0.0.1')), 'nor the environment');
    for (const secret of [wrong, right, 'typed-in-a-terminal-r4', 'in-the-environment-w2']) {
      assert.ok(!found(all, Buffer.from(secret)), `${secret} was copied`);
      for (const piece of [secret.slice(0, 8), secret.slice(-8)])
        assert.ok(!found(all, Buffer.from(piece)), `a piece of ${secret}`);
    }
    const hostKey = secretOf(readFileSync(`${lab.insideRoot}/run/lab/host_key`, 'latin1'));
    const userKey = secretOf(readFileSync(lab.keys.good.path, 'latin1'));
    for (const key of [hostKey, userKey]) {
      assert.equal(key.length, 32);
      assert.ok(!found(all, key) && !found(all, key.subarray(0, 12)), 'key material was copied');
    }
  });
});
