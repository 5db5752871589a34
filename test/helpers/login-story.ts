/**
 * A whole login as session events: two keys refused, a third accepted by an AuthorizedKeysCommand that takes 0.4 s, then
 * `sh -c` with a pipeline, a failing command and `exit 3`, a secret in an argument, and a program that stays behind.
 */
import type { ConnectionFacts, SessionEvent } from '../../agent/sshd/session-event.ts';
import {
  AUTH,
  at,
  attempt,
  attemptRef,
  auth,
  bytes,
  connection,
  HANDSHAKE,
  HOST,
  handshake,
  helper,
  phase,
  program,
  programRef,
  SETUP,
  session,
  sessionRef,
  setup,
  told,
  whole,
} from './session-events.ts';

const COMMAND = 'sort names | uniq -c; curl -u ada:hunter2 http://127.0.0.1/; nohup sleep 9 & exit 3';
const KEY = {
  type: 'ssh-ed25519',
  fingerprint: 'SHA256:9waHqT7yC0vTKuNVkgFBF5Ph4ShQOFhzb1nB8MdD5nE',
  certificate: false,
};
const RSA = {
  type: 'rsa-sha2-512',
  fingerprint: 'SHA256:5Tc0hVq0oB8Ckq8R6m3UnQYd2nq9Z4m1kP0lVJt6aXw',
  certificate: false,
};
const EC = {
  type: 'ecdsa-sha2-nistp256',
  fingerprint: 'SHA256:b7Fq8Zt2m0cUuWk1yY3nq4rS5xT6vL7pQ8oR9sEaDgI',
  certificate: false,
};

/** Events in the order in which they are told; the facts are those at the end from the beginning. */
export function loginStory(facts: Partial<ConnectionFacts> = {}): SessionEvent[] {
  const ada = connection({
    user: { name: bytes('ada'), source: 'monitor' },
    userValid: true,
    authenticated: true,
    authenticatedNs: at(640),
    authMethods: ['publickey'],
    key: KEY,
    attempts: 3,
    failedAttempts: 2,
    queries: 1,
    sessions: 1,
    programs: 6,
    disconnectReason: 'logout',
    endNs: at(1450),
    exit: { code: 255, core: false },
    login: {
      totalNs: at(790) - at(0),
      serverNs: 620_000_000n,
      clientNs: 170_000_000n,
      authorizedKeysCommandNs: 402_000_000n,
    },
    receivedBytes: 3_482n,
    sentBytes: 4_120n,
    retransmits: 0,
    rttUs: 180,
    ...facts,
  });
  const shell = sessionRef(820, 780);
  const sh = programRef(820, 780);
  const curl = ['curl', '-u', 'ada:hunter2', 'http://127.0.0.1/'];
  return [
    { type: 'host', host: HOST },
    { type: 'connection-opened', connection: ada, tsNs: at(0) },
    told(ada, phase('ssh.handshake.startup', HANDSHAKE, 'server', 0, 12)),
    told(ada, phase('ssh.handshake.banner', HANDSHAKE, 'client', 12, 20)),
    told(ada, phase('ssh.handshake.key_exchange', HANDSHAKE, 'client', 20, 41)),
    told(ada, phase('ssh.handshake.host_key_signature', HANDSHAKE, 'server', 41, 43)),
    told(ada, phase('ssh.handshake.service_request', HANDSHAKE, 'client', 43, 90)),
    told(ada, handshake(0, 90)),
    told(ada, phase('ssh.auth.user_lookup', AUTH, 'server', 90, 92)),
    told(ada, attempt(1, 95, 97, { method: 'publickey', query: true, result: 'rejected', key: RSA })),
    told(ada, attempt(2, 101, 104, { method: 'publickey', query: true, result: 'rejected', key: EC })),
    told(
      ada,
      helper('authorized_keys_command', 815, 110, 512, attemptRef(3), ['/usr/local/bin/keys', 'ada'], {
        uids: [65534, 65534, 65534],
      }),
    ),
    told(
      ada,
      program(816, 112, 505, { kind: 'helper', key: ['815', `${at(110)}`, '1'] }, undefined, ['sleep', '0.4'], {
        uids: [65534, 65534, 65534],
      }),
    ),
    told(ada, attempt(3, 108, 515, { method: 'publickey', query: true, result: 'acceptable', key: KEY })),
    told(ada, phase('ssh.auth.wait', AUTH, 'client', 515, 600)),
    told(ada, attempt(4, 600, 632, { method: 'publickey', result: 'accepted', key: KEY })),
    told(ada, phase('ssh.auth.conclude', AUTH, 'server', 632, 640)),
    told(ada, auth(90, 640, 'accepted')),
    { type: 'authenticated', connection: ada, tsNs: at(640) },
    told(
      ada,
      helper('setup.helper', 818, 650, 700, SETUP, ['/bin/sh', '/etc/update-motd.d/10-uname'], {
        uids: [0, 0, 0],
        file: whole('/etc/update-motd.d/10-uname'),
      }),
    ),
    told(ada, phase('ssh.setup.open_session', SETUP, 'server', 640, 705)),
    told(ada, phase('ssh.setup.channel_request', SETUP, 'client', 705, 780)),
    told(ada, setup(640, 780)),
    { type: 'session-opened', connection: ada, session: shell, tsNs: at(780) },
    told(ada, phase('ssh.session.spawn', shell, 'server', 780, 790)),
    told(ada, program(821, 810, 840, sh, shell, ['sort', 'names'])),
    told(ada, program(822, 811, 842, sh, shell, ['uniq', '-c'])),
    told(ada, program(823, 850, 1_310, sh, shell, curl, { exit: { code: 7, core: false } })),
    told(ada, program(824, 1_320, 1_325, sh, shell, ['nohup', 'sleep', '9'], { replaced: true, exit: undefined })),
    told(ada, {
      ...program(820, 790, 1_400, shell, shell, ['sh', '-c', COMMAND], { exit: { code: 3, core: false } }),
      ref: sh,
    }),
    told(
      ada,
      session(820, 780, 1_400, {
        type: 'exec',
        command: whole(COMMAND),
        exit: { code: 3, core: false },
        programs: 6,
      }),
    ),
    { type: 'connection-closed', connection: ada, tsNs: at(1_451) },
    told(
      ada,
      program(824, 1_325, 10_325, sh, shell, ['sleep', '9'], {
        execNumber: 2,
        survivor: true,
        exit: { signal: 15, core: false },
      }),
    ),
  ];
}

/** Somebody who guesses passwords for a name that doesn't exist, and one who only opens the port. */
export function intruderStory(): SessionEvent[] {
  const guesser = connection({
    id: { pid: 901, startNs: at(20_000) },
    startNs: at(20_000),
    endpoints: { peer: '2001:db8::17', peerPort: 40022, local: '2001:db8::1', localPort: 22 },
    user: { name: bytes('adm\u001b]0;owned\u0007in\u202e'), source: 'monitor' },
    userValid: false,
    attempts: 2,
    failedAttempts: 2,
    disconnectReason: 'auth_failed',
    endNs: at(24_100),
    exit: { code: 255, core: false },
  });
  const scanner = connection({
    id: { pid: 903, startNs: at(30_000) },
    startNs: at(30_000),
    endpoints: { peer: '203.0.113.9', peerPort: 4242 },
    disconnectReason: 'scan',
    endNs: at(30_004),
    incomplete: new Set(['events_lost', 'phase_signal_missing']),
    lostEvents: 1234,
    missingPhases: ['ssh.handshake.key_exchange'],
  });
  return [
    { type: 'connection-opened', connection: guesser, tsNs: at(20_000) },
    told(guesser, handshake(20_000, 20_080)),
    told(guesser, attempt(1, 20_090, 22_000, { method: 'password', result: 'rejected' })),
    told(guesser, attempt(2, 22_100, 24_050, { method: 'password', result: 'rejected' })),
    told(guesser, auth(20_080, 24_090, 'rejected')),
    { type: 'connection-closed', connection: guesser, tsNs: at(24_100) },
    { type: 'connection-opened', connection: scanner, tsNs: at(30_000) },
    { type: 'connection-closed', connection: scanner, tsNs: at(30_004) },
  ];
}
