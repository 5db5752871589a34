import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashed, type EndEvidence, endReason } from '../../agent/sshd/ends.ts';
import { FAMILIES } from '../../agent/sshd/families.ts';
import { exit } from './events.ts';

const A = FAMILIES.find((f) => f.name === 'A');
const C = FAMILIES.find((f) => f.name === 'C');
const PREAUTH: EndEvidence = {
  lossy: false,
  family: A,
  livedNs: 2_000_000_000n,
  monitorImage: 'sshd',
  authenticated: false,
  userSeen: true,
  judged: 1,
  log: undefined,
  term: false,
  accountDenied: false,
  monitor: exit(255),
  networkChild: exit(255),
  userChild: undefined,
  tcp: undefined,
};
const POSTAUTH: EndEvidence = { ...PREAUTH, authenticated: true, networkChild: exit(0), userChild: exit(255) };

const CASES: readonly (readonly [string, EndEvidence, string | undefined])[] = [
  ['nothing but a connection', { ...PREAUTH, userSeen: false, judged: 0 }, 'scan'],
  ['a user, no attempt', { ...PREAUTH, judged: 0 }, 'no_attempt'],
  ['refused attempts', PREAUTH, 'auth_failed'],
  ['too many of them, by the log', { ...PREAUTH, log: 'too_many_failures' }, 'too_many_failures'],
  ['a banner that is none', { ...PREAUTH, userSeen: false, judged: 0, log: 'protocol_error' }, 'protocol_error'],
  [
    'grace time in A: the net child dies by SIGTERM',
    { ...PREAUTH, monitor: exit(1), networkChild: exit(0, 15) },
    'grace_time',
  ],
  [
    'grace time in A before there is a network child',
    { ...PREAUTH, family: undefined, userSeen: false, judged: 0, networkChild: undefined, monitor: exit(1) },
    'grace_time',
  ],
  [
    'a configuration that cannot be read is no grace time',
    { ...PREAUTH, userSeen: false, judged: 0, networkChild: undefined, monitor: exit(1), livedNs: 5_000_000n },
    'scan',
  ],
  [
    'grace time in B or C, which of them is not known yet',
    { ...PREAUTH, family: undefined, monitorImage: 'sshd-session', userSeen: false, judged: 0, monitor: exit(3) },
    'grace_time',
  ],
  ['grace time in C: exit code 3', { ...PREAUTH, family: C, monitor: exit(3) }, 'grace_time'],
  ['exit code 3 means nothing in A', { ...PREAUTH, monitor: exit(3) }, 'auth_failed'],
  ['RefuseConnection: exit code 6', { ...PREAUTH, family: C, monitor: exit(6) }, 'refused'],
  ['PAM account', { ...PREAUTH, accountDenied: true }, 'account_denied'],
  ['killed', { ...POSTAUTH, monitor: exit(0, 9) }, 'killed'],
  ['logout: 255 and the line', { ...POSTAUTH, log: 'logout' }, 'logout'],
  ['logout without a line: the client closed first', { ...POSTAUTH, tcp: 'peer_closed' }, 'logout'],
  ['255 alone is not known', POSTAUTH, undefined],
  ['the client vanished: exit 0', { ...POSTAUTH, userChild: exit(0), monitor: exit(0) }, 'client_vanished'],
  ['keepalive', { ...POSTAUTH, log: 'keepalive_timeout' }, 'keepalive_timeout'],
  ['reset', { ...POSTAUTH, tcp: 'reset' }, 'reset'],
  ['with events lost, silence is no scan', { ...PREAUTH, lossy: true, userSeen: false, judged: 0 }, undefined],
  [
    'and neither login nor failure may be assumed',
    { ...PREAUTH, lossy: true, authenticated: undefined, log: 'logout' },
    undefined,
  ],
];

for (const [what, evidence, reason] of CASES) {
  test(`${what}: ${reason}`, () => assert.equal(endReason(evidence), reason));
}

test('sshd failed if a process of its own crashed, not if a user did something', () => {
  assert.equal(crashed({ ...PREAUTH, networkChild: exit(0, 11) }), true);
  assert.equal(crashed({ ...PREAUTH, networkChild: exit(0, 31) }), true, 'seccomp');
  assert.equal(crashed({ ...PREAUTH, family: C, monitor: exit(4) }), true);
  assert.equal(crashed({ ...PREAUTH, networkChild: exit(0, 15) }), false);
  assert.equal(crashed(POSTAUTH), false);
});
