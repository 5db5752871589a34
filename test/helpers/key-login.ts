import type { SessionEvent } from '../../agent/sshd/session-event.ts';
import {
  AUTH,
  at,
  attempt,
  attemptRef,
  auth,
  bytes,
  connection,
  handshake,
  helper,
  phase,
  program,
  programRef,
  session,
  sessionRef,
  setup,
  told,
} from './session-events.ts';

/** A key login after a refused key, one session, two programs. The facts are those at its end from the start on. */
export function keyLogin(): { events: SessionEvent[]; facts: ReturnType<typeof connection> } {
  const facts = connection({
    user: { name: bytes('ada'), source: 'monitor' },
    authenticated: true,
    authenticatedNs: at(215),
    authMethods: ['publickey'],
    key: { type: 'ssh-ed25519', fingerprint: 'SHA256:abc', certificate: false },
    attempts: 2,
    failedAttempts: 1,
    sessions: 1,
    programs: 2,
    endNs: at(449),
  });
  const inSession = sessionRef(820, 300);
  const events: SessionEvent[] = [
    { type: 'connection-opened', connection: facts, tsNs: at(0) },
    told(facts, handshake(0, 80)),
    told(facts, attempt(1, 81, 90, { method: 'publickey', query: true, result: 'rejected' })),
    told(facts, helper('authorized_keys_command', 815, 95, 190, attemptRef(2), ['/opt/keys', 'ada'])),
    told(facts, attempt(2, 91, 200, { method: 'publickey', result: 'accepted' })),
    told(facts, phase('ssh.auth.wait', AUTH, 'client', 200, 210)),
    told(facts, auth(80, 215, 'accepted')),
    { type: 'authenticated', connection: facts, tsNs: at(215) },
    told(facts, setup(215, 300)),
    told(facts, program(821, 330, 380, programRef(820, 300), inSession, ['false'], { exit: { code: 1, core: false } })),
    told(facts, program(820, 300, 400, inSession, inSession, ['bash', '-c', 'false; true'])),
    told(facts, session(820, 300, 400, { type: 'exec' })),
    { type: 'connection-closed', connection: facts, tsNs: at(450) },
  ];
  return { events, facts };
}
