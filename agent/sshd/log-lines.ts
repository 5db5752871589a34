/**
 * sshd's own log lines as a weaker source: they tell what messages lack (certificate id, disconnect reason), and all that
 * can be known where there is no privilege separation. Texts: auth.c `auth_log`, packet.c, session.c, the same from 7.4 to
 * 10.6 unless a row says so. A user chooses his name inside them, so every row is anchored where he cannot reach: at the
 * front, or at the peer's address in the tail.
 */

import { type DeniedForward, deniedForward } from './denied-forward.ts';

/** Reason of an end as a line tells it; before authentication some mean less. */
export type LogEnd =
  | 'logout'
  | 'client_vanished'
  | 'reset'
  | 'keepalive_timeout'
  | 'too_many_failures'
  | 'account_denied'
  | 'grace_time'
  | 'scan'
  | 'protocol_error'
  | 'negotiation_failed';

export type LogFact =
  | {
      readonly kind: 'auth';
      readonly verdict: 'accepted' | 'failed' | 'partial' | 'postponed';
      readonly method: string;
      readonly user: Uint8Array;
      readonly validUser: boolean;
      readonly key?: { readonly name: string; readonly fingerprint: string; readonly certificateId?: string };
    }
  | { readonly kind: 'key-found'; readonly name: string; readonly fingerprint: string }
  | { readonly kind: 'helper-failed'; readonly helper: 'authorized_keys_command' | 'authorized_principals_command' }
  | { readonly kind: 'connection' }
  | { readonly kind: 'pam-session-opened' }
  | { readonly kind: 'root-refused' }
  | {
      readonly kind: 'session';
      readonly type: 'shell' | 'exec' | 'subsystem';
      readonly subsystem?: string;
      readonly tty?: string;
    }
  | { readonly kind: 'forward-denied'; readonly forward: DeniedForward }
  | { readonly kind: 'end'; readonly reason: LogEnd };

/** Lines that tell the end by their beginning alone, in the order in which they are tried. */
const ENDS: readonly (readonly [string, LogEnd])[] = [
  ['Received disconnect from ', 'logout'],
  ['Timeout, client not responding', 'keepalive_timeout'],
  ['Read error from remote host ', 'reset'],
  ['Connection reset by ', 'reset'],
  ['maximum authentication attempts exceeded for ', 'too_many_failures'],
  ['fatal: Access denied for user ', 'account_denied'],
  ['fatal: Timeout before authentication for ', 'grace_time'],
  ['kex_exchange_identification: client sent invalid protocol identifier', 'protocol_error'],
  ['kex_exchange_identification: ', 'scan'],
  ['banner exchange: ', 'protocol_error'],
  ['Unable to negotiate with ', 'negotiation_failed'],
  ['Connection closed by ', 'client_vanished'],
];

const VERDICTS: readonly (readonly [string, 'accepted' | 'failed' | 'partial' | 'postponed'])[] = [
  ['Accepted ', 'accepted'],
  ['Failed ', 'failed'],
  ['Partial ', 'partial'],
  ['Postponed ', 'postponed'],
];

/**
 * What one datagram to the system log says, or undefined.
 * @param datagram as sent: `<PRI>Mon dd hh:mm:ss program[pid]: text`
 * @param peer `address port N` of the client as sshd writes it; lines about another peer are not believed
 */
export function readLogLine(datagram: Uint8Array, peer: string | undefined): LogFact | undefined {
  const line = latin1(datagram);
  const head = line.indexOf(']: ');
  if (head < 0 || head > 80) return undefined;
  let text = line.slice(head + 3);
  if (text.endsWith(' [preauth]')) text = text.slice(0, -' [preauth]'.length);
  for (const [word, verdict] of VERDICTS) {
    if (!text.startsWith(word)) continue;
    const fact = authLine(text.slice(word.length), verdict, peer);
    if (fact !== undefined) return fact;
  }
  if (text.startsWith('Connection from ')) return { kind: 'connection' };
  if (text.startsWith('Starting session: ')) return sessionLine(text.slice('Starting session: '.length));
  if (text.startsWith('pam_unix(sshd:session): session opened for user ')) return { kind: 'pam-session-opened' };
  if (text.startsWith('ROOT LOGIN REFUSED FROM ')) return { kind: 'root-refused' };
  if (text.startsWith('AuthorizedKeysCommand ') && text.includes(' failed, ')) {
    return { kind: 'helper-failed', helper: 'authorized_keys_command' };
  }
  if (text.startsWith('AuthorizedPrincipalsCommand ') && text.includes(' failed, ')) {
    return { kind: 'helper-failed', helper: 'authorized_principals_command' };
  }
  const forward = deniedForward(text);
  if (forward !== undefined) return { kind: 'forward-denied', forward };
  const plain = text.startsWith('error: ') ? text.slice('error: '.length) : text;
  for (const [start, reason] of ENDS) if (plain.startsWith(start)) return { kind: 'end', reason };
  return undefined;
}

/** `METHOD for [invalid user ]USER from IP port N ssh2[: KEY]`, or `key NAME SHA256:… found at …`. */
function authLine(
  text: string,
  verdict: 'accepted' | 'failed' | 'partial' | 'postponed',
  peer: string | undefined,
): LogFact | undefined {
  if (verdict === 'accepted' && text.startsWith('key ')) {
    const [name, fingerprint] = text.slice(4).split(' ', 2);
    return name !== undefined && fingerprint?.startsWith('SHA256:')
      ? { kind: 'key-found', name, fingerprint }
      : undefined;
  }
  const space = text.indexOf(' for ');
  if (space < 0 || space > 40) return undefined;
  // keyboard-interactive/pam: the part behind the slash is the device.
  const method = text.slice(0, space).split('/', 1)[0] ?? '';
  let rest = text.slice(space + ' for '.length);
  const anchor = peer === undefined ? ' from ' : ` from ${peer} ssh2`;
  const from = rest.lastIndexOf(anchor);
  if (from < 0) return undefined;
  const tail = rest.slice(from);
  rest = rest.slice(0, from);
  const invalid = rest.startsWith('invalid user ');
  const user = bytes(invalid ? rest.slice('invalid user '.length) : rest);
  const colon = tail.indexOf(' ssh2: ');
  const key = colon < 0 ? undefined : keyTail(tail.slice(colon + ' ssh2: '.length));
  return { kind: 'auth', verdict, method, user, validUser: !invalid, ...(key === undefined ? {} : { key }) };
}

/** `ED25519 SHA256:…` or `ED25519-CERT SHA256:… ID name (serial 0) CA ED25519 SHA256:…`. */
function keyTail(text: string): { name: string; fingerprint: string; certificateId?: string } | undefined {
  const [name, fingerprint] = text.split(' ', 2);
  if (name === undefined || fingerprint === undefined || !fingerprint.startsWith('SHA256:')) return undefined;
  const id = text.indexOf(' ID ');
  const serial = text.lastIndexOf(' (serial ');
  if (id < 0 || serial < id) return { name, fingerprint };
  return { name, fingerprint, certificateId: text.slice(id + 4, serial) };
}

/** `command|shell|subsystem 'sftp'|forced-command … [on pts/0] for USER from …` (session.c `do_exec`). */
function sessionLine(text: string): LogFact | undefined {
  const terminal = text.match(/^(?:command|shell) on (pts\/\d{1,6}|tty[\w]{1,8}) for /);
  const tty = terminal?.[1] === undefined ? {} : { tty: `/dev/${terminal[1]}` };
  if (text.startsWith('shell ')) return { kind: 'session', type: 'shell', ...tty };
  if (text.startsWith('command ')) return { kind: 'session', type: 'exec', ...tty };
  if (text.startsWith('forced-command ')) return { kind: 'session', type: 'exec' };
  const subsystem = text.match(/^subsystem '([\w.@-]{1,64})' for /)?.[1];
  return subsystem === undefined ? undefined : { kind: 'session', type: 'subsystem', subsystem };
}

/** Longer argument lists don't fit on every stack. */
const MAX_ARGUMENTS = 4_096;

/** One character a byte, so that offsets and bytes stay the same. */
function latin1(from: Uint8Array): string {
  let text = '';
  for (let at = 0; at < from.length; at += MAX_ARGUMENTS) {
    // A call with all bytes takes a third of the time of one character after the other.
    text += Reflect.apply(String.fromCharCode, undefined, from.subarray(at, at + MAX_ARGUMENTS));
  }
  return text;
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
