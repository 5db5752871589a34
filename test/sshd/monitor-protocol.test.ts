import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keyFacts } from '../../agent/sshd/key-facts.ts';
import { auditCommand, keyRequest, ptyName, userName, word } from '../../agent/sshd/monitor-protocol.ts';
import { sha256 } from '../helpers/model.ts';
import { concat, message, sshString, u32 } from './events.ts';

const dir = mkdtempSync(join(tmpdir(), 'sshd-otel-keys-'));
after(() => rmSync(dir, { recursive: true, force: true }));

/** A key made by ssh-keygen, and what ssh-keygen says of it: the witness. */
function realKey(type: string, bits: string[] = []): { blob: Uint8Array; fingerprint: string; file: string } {
  const file = join(dir, `${type}${bits.join('')}`);
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-f', file]);
  const blob = Buffer.from(readFileSync(`${file}.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
  return { blob, fingerprint: fingerprintOf(`${file}.pub`), file };
}

function fingerprintOf(file: string): string {
  return execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' }).split(' ')[1] ?? '';
}

for (const [type, bits] of [
  ['ed25519', []],
  ['rsa', ['-b', '2048']],
  ['ecdsa', ['-b', '384']],
] as const) {
  test(`names a ${type} key as ssh-keygen does`, () => {
    const key = realKey(type, [...bits]);
    assert.equal(keyFacts(key.blob, sha256)?.fingerprint, key.fingerprint);
    assert.equal(keyFacts(key.blob, sha256)?.certificate, false);
  });
}

test('names a certificate by its plain key, as the log does', () => {
  const ca = realKey('ed25519', ['-C', 'ca']);
  for (const [type, bits] of [
    ['rsa', ['-b', '3072']],
    ['ecdsa', ['-b', '521']],
  ] as const) {
    const user = realKey(type, [...bits]);
    execFileSync('ssh-keygen', [
      '-q',
      '-s',
      ca.file,
      '-I',
      'id of it',
      '-z',
      '18446744073709551615',
      '-n',
      'alice',
      `${user.file}.pub`,
    ]);
    const cert = Buffer.from(readFileSync(`${user.file}-cert.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
    const facts = keyFacts(cert, sha256);
    assert.equal(facts?.fingerprint, user.fingerprint);
    assert.equal(facts?.certificate, true);
    assert.equal(facts.certificateId, 'id of it');
    assert.equal(facts.certificateSerial, '18446744073709551615');
    assert.equal(facts.authorityFingerprint, ca.fingerprint);
    // Cut anywhere, it says less or nothing, never something else.
    for (let length = 0; length < cert.length; length++) {
      const cut = keyFacts(cert.subarray(0, length), sha256);
      assert.ok(cut?.fingerprint === undefined || cut.fingerprint === user.fingerprint);
      assert.ok(cut?.certificateId === undefined || cut.certificateId === 'id of it');
      assert.ok(cut?.authorityFingerprint === undefined || cut.authorityFingerprint === ca.fingerprint);
    }
  }
});

test('reads a key request: query or signed, host-based or not', () => {
  const blob = concat(sshString('ssh-ed25519'), sshString(new Uint8Array(32)));
  const request = (type: number, flag: number) =>
    message(22, 0, concat(u32(type), sshString(''), sshString(''), sshString(blob), u32(flag)));
  assert.deepEqual(keyRequest(request(2, 0)), { hostBased: false, blob, query: true });
  assert.deepEqual(keyRequest(request(2, 1)), { hostBased: false, blob, query: false });
  assert.deepEqual(keyRequest(request(1, 1)), { hostBased: true, blob, query: false });
});

test('a request without the flag (OpenSSH <= 6.8) says neither, and a cut key is no key', () => {
  const blob = concat(sshString('ssh-ed25519'), sshString(new Uint8Array(32)));
  const payload = concat(u32(2), sshString(''), sshString(''), sshString(blob));
  assert.deepEqual(keyRequest(message(22, 0, payload)), { hostBased: false, blob });
  assert.deepEqual(keyRequest(message(22, 0, payload.subarray(0, 40))), { hostBased: false });
});

test('reads names, commands and terminals, and no more than was copied', () => {
  assert.equal(new TextDecoder().decode(userName(message(8, 0, sshString('alice')))), 'alice');
  assert.deepEqual(auditCommand(message(113, 0, concat(u32(5000), Uint8Array.of(1, 2)))), {
    bytes: Uint8Array.of(1, 2),
    length: 5000,
  });
  assert.equal(ptyName(message(29, 0, concat(u32(1), sshString('/dev/pts/12')))), '/dev/pts/12');
  assert.equal(ptyName(message(29, 0, concat(u32(1), sshString('/etc/\u001b[31m')))), undefined);
  assert.equal(ptyName(message(29, 0, concat(u32(0), sshString('/dev/pts/1')))), undefined);
  assert.equal(word(message(13, 0, Uint8Array.of(0, 0))), undefined);
});
