/**
 * Names of the leaves that account for a login's time, and who it was spent on. Each is the stretch between two signals;
 * together they leave no gap from accept to the first program. sshd's own few milliseconds inside a stretch that waits
 * for the client cannot be told apart from outside. A stretch that is both, in shares not known, has no owner.
 */
import type { TimeOwner } from './session-event.ts';

/** Span names of the leaves. */
export const PHASES = {
  /** Start of the monitor to its re-exec (or its first log line). */
  startup: { name: 'ssh.handshake.startup', owner: 'server' },
  /** The monitor waits for the client's identification string (up to 10.2; later the network child does). */
  banner: { name: 'ssh.handshake.banner', owner: 'client' },
  /** From 10.0: the network child starts and is given the configuration. */
  privilegeSeparation: { name: 'ssh.handshake.privilege_separation', owner: 'server' },
  /** Network child ready to the request for a host key signature. */
  keyExchange: { name: 'ssh.handshake.key_exchange', owner: 'client' },
  hostKeySignature: { name: 'ssh.handshake.host_key_signature', owner: 'server' },
  /** Keys agreed; the client asks for the authentication service and names its user. */
  serviceRequest: { name: 'ssh.handshake.service_request', owner: 'client' },
  /** The monitor looks the user up (NSS: files, LDAP, …). */
  userLookup: { name: 'ssh.auth.user_lookup', owner: 'server' },
  /** Between two requests, or while the user types. */
  authWait: { name: 'ssh.auth.wait', owner: 'client' },
  /** PAM prepares the next prompt of keyboard-interactive. */
  challenge: { name: 'ssh.auth.challenge', owner: 'server' },
  /** PAM checks what was typed. */
  check: { name: 'ssh.auth.check', owner: 'server' },
  /** PAM account management. */
  account: { name: 'ssh.auth.account', owner: 'server' },
  /** sshd holds its answer back, see `reply-delay.ts`. */
  replyDelay: { name: 'ssh.auth.reply_delay', owner: 'server' },
  /** Answer to the next request where it cannot be told how long sshd held the answer back: nobody got in. */
  answerGap: { name: 'ssh.auth.gap', owner: undefined },
  /** The network child takes a success in: last answer to account management, and to the hand-over of the keys. */
  conclude: { name: 'ssh.auth.conclude', owner: 'server' },
  /** PAM session, motd, fork of the user child. */
  openSession: { name: 'ssh.setup.open_session', owner: 'server' },
  /** The client opens its channel and says what to run. */
  channelRequest: { name: 'ssh.setup.channel_request', owner: 'client' },
  /** Fork of the session leader to its first program. */
  spawn: { name: 'ssh.session.spawn', owner: 'server' },
} as const satisfies Readonly<Record<string, { readonly name: string; readonly owner: TimeOwner | undefined }>>;

/** One row of `PHASES`. */
export type Phase = (typeof PHASES)[keyof typeof PHASES];
