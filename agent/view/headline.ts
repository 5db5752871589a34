/** What a drawing says of the whole connection, before its tree: who, from where, how it went, where the time went. */
import { ATTR, SPAN_NAMES } from '../span/attributes.ts';
import type { SpanRecord } from '../span/span-record.ts';
import { quoteArg } from './escape.ts';
import { counted, secondsOf, secondsText } from './figures.ts';
import { type Look, type Piece, piece } from './line.ts';
import { isSet, listOf, numberOf, textOf } from './span-facts.ts';

/** One line or more, in pieces that may be wrapped; nothing is cut here. */
export function headline(root: SpanRecord): Piece[][] {
  if (root.name === SPAN_NAMES.summary) return summaryOf(root);
  const segment = numberOf(root, ATTR.segment) ?? 0;
  if (segment > 0) {
    const which = `  goes on, trace ${segment + 1} of the connection`;
    return [[piece('● ', 'good'), piece(whoFrom(root), 'strong'), piece(which)]];
  }
  return [whoAndHow(root), ...keyOf(root), ...timeSplit(root), ...incompleteness(root)];
}

/** User, address and port, as far as they are known. */
export function whoFrom(span: SpanRecord): string {
  const length = numberOf(span, ATTR.userNameLength);
  const user =
    textOf(span, ATTR.userName) ?? (length === undefined ? 'nobody' : `a name of ${counted(length, 'byte')}`);
  const address = textOf(span, ATTR.clientAddress);
  const port = numberOf(span, ATTR.clientPort);
  const shown = address?.includes(':') === true && port !== undefined ? `[${address}]` : address;
  return `${user} from ${shown ?? 'an unknown address'}${port === undefined ? '' : `:${port}`}`;
}

/** Many connections that nobody got in by. */
function summaryOf(root: SpanRecord): Piece[][] {
  const count = counted(numberOf(root, ATTR.summaryConnections) ?? 0, 'connection');
  const users = listOf(root, ATTR.summaryUsers).map(quoteArg).join(', ');
  const others = numberOf(root, ATTR.summaryOtherUsers);
  const names = [users, others === undefined ? '' : `${counted(others, 'connection')} under other names`];
  const as = names.filter((each) => each !== '').join(', ');
  return [
    [
      piece('● ', root.status === 'error' ? 'bad' : 'warn'),
      piece(`${count} from ${textOf(root, ATTR.summarySource) ?? 'an unknown address'}`, 'strong'),
      piece(` in ${secondsOf(root.endNs - root.startNs)}, not told one by one, nobody let in`),
      piece(`: ${listOf(root, ATTR.summaryReasons).join(', ')}`),
      ...(as === '' ? [] : [piece(`; as ${as}`)]),
      piece(`  ${wallTime(root.startNs)}`, 'dim'),
    ],
  ];
}

function whoAndHow(root: SpanRecord): Piece[] {
  const { text, look } = outcome(root);
  const reason = textOf(root, ATTR.disconnectReason);
  const lasted = secondsOf(root.endNs - root.startNs);
  return [
    piece('● ', look),
    piece(whoFrom(root), 'strong'),
    piece(`  ${text}`, look),
    ...ran(root),
    piece(`, ${endPhrase(reason)} after ${lasted}`),
    piece(`  ${wallTime(root.startNs)}`, 'dim'),
  ];
}

function outcome(root: SpanRecord): { text: string; look: Look } {
  const attempts = numberOf(root, ATTR.authAttempts) ?? 0;
  const invalid = root.attributes[ATTR.userValid] === false ? ' (no such user)' : '';
  if (textOf(root, ATTR.authResult) === 'accepted') {
    const by = textOf(root, ATTR.authMethod);
    const failed = root.status === 'error';
    return {
      text: `logged in${by === undefined ? '' : ` by ${by}`}${failed ? ', sshd failed' : ''}`,
      look: failed ? 'bad' : 'good',
    };
  }
  const failed = root.status === 'error' ? 'bad' : 'warn';
  const result = textOf(root, ATTR.authResult);
  if (attempts === 0) {
    // A key for a user that doesn't exist is refused where nobody can see it: none seen is not none made.
    const named = root.attributes[ATTR.userName] ?? root.attributes[ATTR.userNameLength];
    return { text: `${named === undefined ? 'named no user' : `no attempt seen${invalid}`}`, look: failed };
  }
  if (result === undefined) return { text: 'not known whether let in', look: 'warn' };
  const refused = numberOf(root, ATTR.authFailedAttempts) ?? 0;
  const how = result === 'aborted' ? 'gave up' : 'not let in';
  return { text: `${how}${invalid}, ${refused} of ${counted(attempts, 'attempt')} refused`, look: failed };
}

/** How a connection ended, for reasons whose names say too little, or what the result beside them said already. */
const END_PHRASES: Readonly<Record<string, string>> = {
  logout: 'logged out',
  client_vanished: 'client vanished',
  reset: 'connection reset',
  keepalive_timeout: 'client no longer answered',
  auth_failed: 'gone',
  no_attempt: 'gone',
  scan: 'gone',
  too_many_failures: 'thrown out for too many failures',
  grace_time: 'thrown out by LoginGraceTime',
  negotiation_failed: 'no algorithm in common',
  server_crash: 'sshd crashed',
};

function endPhrase(reason: string | undefined): string {
  return reason === undefined ? 'ended' : (END_PHRASES[reason] ?? reason.replaceAll('_', ' '));
}

function ran(root: SpanRecord): Piece[] {
  const sessions = numberOf(root, ATTR.sessionCount) ?? 0;
  if (textOf(root, ATTR.authResult) !== 'accepted') return [];
  if (sessions === 0) return [piece(', no session')];
  const programs = numberOf(root, ATTR.programCount) ?? 0;
  return [piece(`, ran ${counted(programs, 'program')} in ${counted(sessions, 'session')}`)];
}

/** The key that let the user in: where several people share an account, it tells who it was. */
function keyOf(root: SpanRecord): Piece[][] {
  const fingerprint = textOf(root, ATTR.keyFingerprint);
  if (fingerprint === undefined) return [];
  const certificate = textOf(root, ATTR.certificateId);
  return [
    [
      piece('  key '),
      piece(`${textOf(root, ATTR.keyType) ?? ''} ${fingerprint}`.trimStart()),
      ...(certificate === undefined ? [] : [piece(`, certificate ${quoteArg(certificate)}`)]),
    ],
  ];
}

/** `2026-11-24 10:00:00Z` */
function wallTime(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  // ECMAScript's dates end there; a broken clock must not end the drawing.
  return Math.abs(ms) > 8.64e15 ? '' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

function timeSplit(root: SpanRecord): Piece[][] {
  const total = numberOf(root, ATTR.loginDuration);
  if (total === undefined) return [];
  const parts: Piece[] = [piece(`  login took ${secondsText(total)}`)];
  const server = numberOf(root, ATTR.loginServerTime);
  const client = numberOf(root, ATTR.loginClientTime);
  const keys = numberOf(root, ATTR.loginKeysCommandTime) ?? 0;
  if (server !== undefined) {
    parts.push(piece(`: server worked ${secondsText(server)}`));
    if (keys > 0) parts.push(piece(` (AuthorizedKeysCommand ${secondsText(keys)})`, 'warn'));
  }
  if (client !== undefined) parts.push(piece(`, waited for the client ${secondsText(client)}`));
  return [parts];
}

function incompleteness(root: SpanRecord): Piece[][] {
  if (!isSet(root, ATTR.incomplete)) return [];
  const lost = numberOf(root, ATTR.eventsLost);
  const missing = listOf(root, ATTR.missingPhases);
  const said = listOf(root, ATTR.incompleteReasons).map((reason) => {
    if (reason === 'events_lost' && lost !== undefined) return `${counted(lost, 'event')} lost`;
    if (reason === 'phase_signal_missing' && missing.length > 0) return `no signal for ${missing.join(' ')}`;
    return reason.replaceAll('_', ' ');
  });
  return [said.map((text, i) => piece(`${i === 0 ? '  incomplete: ' : ', '}${text}`, 'bad'))];
}
