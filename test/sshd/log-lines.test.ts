import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLogLine } from '../../agent/sshd/log-lines.ts';

const PEER = '192.0.2.7 port 40022';
const read = (text: string, peer: string | undefined = PEER) =>
  readLogLine(new TextEncoder().encode(`<38>Nov 24 09:15:02 sshd-session[812]: ${text}`), peer);
const name = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test('reads a success with its key, as auth.c writes it', () => {
  const fact = read(`Accepted publickey for alice from ${PEER} ssh2: ED25519 SHA256:abc`);
  assert.ok(fact?.kind === 'auth');
  assert.deepEqual(
    [fact.verdict, fact.method, name(fact.user), fact.validUser],
    ['accepted', 'publickey', 'alice', true],
  );
  assert.deepEqual(fact.key, { name: 'ED25519', fingerprint: 'SHA256:abc' });
});

test('reads the id of a certificate', () => {
  const fact = read(
    `Accepted publickey for a from ${PEER} ssh2: ED25519-CERT SHA256:abc ID a b (serial 0) CA ED25519 SHA256:ca`,
  );
  assert.ok(fact?.kind === 'auth');
  assert.equal(fact.key?.certificateId, 'a b');
});

test('drops the device of keyboard-interactive, and [preauth]', () => {
  const fact = read(`Failed keyboard-interactive/pam for invalid user bob from ${PEER} ssh2 [preauth]`);
  assert.ok(fact?.kind === 'auth');
  assert.deepEqual([fact.method, name(fact.user), fact.validUser], ['keyboard-interactive', 'bob', false]);
});

test('a user name that looks like the rest of the line stays a user name', () => {
  const hostile = `x from ${PEER} ssh2: ED25519 SHA256:forged`;
  const fact = read(`Failed password for invalid user ${hostile} from ${PEER} ssh2`);
  assert.ok(fact?.kind === 'auth');
  assert.equal(name(fact.user), hostile);
  assert.equal(fact.key, undefined);
});

test('a line about another peer is not believed', () => {
  assert.equal(read('Accepted password for alice from 198.51.100.1 port 1 ssh2'), undefined);
});

test('a line may not come from a user: its head must be where syslog(3) puts it', () => {
  const long = 'x'.repeat(200);
  assert.equal(
    readLogLine(new TextEncoder().encode(`${long}]: Accepted password for a from ${PEER} ssh2`), PEER),
    undefined,
  );
});

const ENDS: readonly (readonly [string, string])[] = [
  [`Received disconnect from ${PEER}:11: disconnected by user`, 'logout'],
  [`Timeout, client not responding from user alice ${PEER}`, 'keepalive_timeout'],
  [`error: maximum authentication attempts exceeded for alice from ${PEER} ssh2 [preauth]`, 'too_many_failures'],
  ['fatal: Access denied for user dave by PAM account configuration [preauth]', 'account_denied'],
  ['error: kex_exchange_identification: client sent invalid protocol identifier "GET / HTTP/1.0"', 'protocol_error'],
  ['kex_exchange_identification: Connection closed by remote host [preauth]', 'scan'],
  [`Connection closed by authenticating user alice ${PEER} [preauth]`, 'client_vanished'],
];
for (const [line, reason] of ENDS) {
  test(`${reason}: ${line.slice(0, 50)}`, () => assert.deepEqual(read(line), { kind: 'end', reason }));
}

test('tells a shell on a terminal from a command and a subsystem', () => {
  assert.deepEqual(read(`Starting session: shell on pts/3 for alice from ${PEER} id 0`), {
    kind: 'session',
    type: 'shell',
    tty: '/dev/pts/3',
  });
  assert.deepEqual(read(`Starting session: command for alice from ${PEER} id 0`), { kind: 'session', type: 'exec' });
  assert.deepEqual(read(`Starting session: subsystem 'sftp' for alice from ${PEER} id 0`), {
    kind: 'session',
    type: 'subsystem',
    subsystem: 'sftp',
  });
});

test('any bytes are read without an error', () => {
  for (let length = 0; length < 600; length += 7) {
    readLogLine(
      Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255),
      PEER,
    );
  }
  assert.equal(read('Server listening on 127.0.0.1 port 22.'), undefined);
});
