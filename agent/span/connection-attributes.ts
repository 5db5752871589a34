/** Attributes that tell of the connection: the ones that every span carries, and those of the root. */
import type { KeyFacts } from '../sshd/key-facts.ts';
import type { AuthActivity, ConnectionFacts } from '../sshd/session-event.ts';
import { type Attributes, put, putCount, putFlag, seconds } from './attribute-map.ts';
import { ATTR, ERRORS } from './attributes.ts';
import { limitString } from './limits.ts';
import { putContainer, putExit } from './process-attributes.ts';
import { cleanText, decodeUtf8 } from './text.ts';

/** What a user name looks like. People type passwords where the name belongs; those mostly don't. */
const USER_NAME = /^[a-z_][a-z0-9_.-]{0,31}$/;

/**
 * Puts what every span has, because back ends search one span at a time: which connection, who, from where and how he got
 * in. A name that sshd did not accept is told only if it looks like one, else by its length.
 */
export function putCommon(
  attributes: Attributes,
  connection: ConnectionFacts,
  connectionId: string,
  sessionId: string | undefined,
): void {
  put(attributes, ATTR.connectionId, connectionId);
  put(attributes, ATTR.sessionId, sessionId);
  if (connection.user !== undefined) {
    const name = tellableUser(connection);
    if (name !== undefined) put(attributes, ATTR.userName, name);
    else put(attributes, ATTR.userNameLength, connection.user.name.length);
  }
  put(attributes, ATTR.clientAddress, connection.endpoints?.peer);
  // As `AuthenticationMethods` spells a chain: `publickey,password`.
  if (connection.authMethods.length > 0) put(attributes, ATTR.authMethod, connection.authMethods.join(','));
  put(attributes, ATTR.keyFingerprint, connection.key?.fingerprint);
  putContainer(attributes, connection.cgroup);
}

/** The login user's name, if sshd accepted it or it looks like one: people type passwords where the name belongs. */
export function tellableUser({ user, authenticated, userValid }: ConnectionFacts): string | undefined {
  if (user === undefined) return undefined;
  const text = limitString(decodeUtf8(user.name));
  return authenticated || userValid === true || USER_NAME.test(text) ? text : undefined;
}

/** Puts all of a key: on the root the one that let the user in, on an attempt its own. */
export function putKey(attributes: Attributes, key: KeyFacts | undefined): void {
  if (key === undefined) return;
  put(attributes, ATTR.keyType, limitString(key.type));
  put(attributes, ATTR.keyFingerprint, key.fingerprint);
  put(
    attributes,
    ATTR.certificateId,
    key.certificateId === undefined ? undefined : limitString(cleanText(key.certificateId)),
  );
  put(attributes, ATTR.certificateSerial, key.certificateSerial);
  put(attributes, ATTR.certificateAuthority, key.authorityFingerprint);
}

/** Puts what only the root has, once the connection is closed. */
export function putConnection(
  attributes: Attributes,
  connection: ConnectionFacts,
  authResult: AuthActivity['result'],
): void {
  const { endpoints, login } = connection;
  put(attributes, ATTR.authResult, resultOf(connection, authResult));
  put(attributes, ATTR.disconnectReason, connection.disconnectReason);
  put(attributes, ATTR.userValid, connection.userValid);
  put(attributes, ATTR.clientPort, endpoints?.peerPort);
  put(attributes, ATTR.serverAddress, endpoints?.local);
  put(attributes, ATTR.serverPort, endpoints?.localPort);
  put(attributes, ATTR.transport, 'tcp');
  put(attributes, ATTR.protocolName, 'ssh');
  putKey(attributes, connection.key);
  put(attributes, ATTR.authAttempts, connection.attempts);
  put(attributes, ATTR.authFailedAttempts, connection.failedAttempts);
  put(attributes, ATTR.authQueries, connection.queries);
  put(attributes, ATTR.sessionCount, connection.sessions);
  put(attributes, ATTR.programCount, connection.programs);
  putCount(attributes, ATTR.forwardCount, connection.forwards);
  if (login !== undefined) {
    put(attributes, ATTR.loginDuration, seconds(login.totalNs));
    put(attributes, ATTR.loginServerTime, seconds(login.serverNs));
    put(attributes, ATTR.loginClientTime, seconds(login.clientNs));
    put(attributes, ATTR.loginKeysCommandTime, seconds(login.authorizedKeysCommandNs));
  }
  put(attributes, ATTR.receivedBytes, toNumber(connection.receivedBytes));
  put(attributes, ATTR.sentBytes, toNumber(connection.sentBytes));
  put(attributes, ATTR.retransmits, connection.retransmits);
  put(attributes, ATTR.rtt, connection.rttUs === undefined ? undefined : connection.rttUs / 1e6);
  put(attributes, ATTR.pid, connection.id.pid);
  put(attributes, ATTR.processFamily, connection.family);
  put(attributes, ATTR.loginUid, connection.loginUid);
  put(attributes, ATTR.auditSession, connection.auditSession);
  if (connection.user !== undefined && connection.user.source !== 'monitor') {
    put(attributes, ATTR.factSource, connection.user.source);
  }
  putExit(attributes, connection.exit);
  putFlag(attributes, ATTR.incomplete, connection.incomplete.size > 0);
  if (connection.incomplete.size > 0) put(attributes, ATTR.incompleteReasons, [...connection.incomplete].sort());
  if (connection.missingPhases.length > 0) put(attributes, ATTR.missingPhases, [...connection.missingPhases]);
  if (connection.lostEvents > 0) put(attributes, ATTR.eventsLost, connection.lostEvents);
}

/** Absent where nobody tried, and where what was not seen might have let the user in. */
function resultOf(connection: ConnectionFacts, authResult: AuthActivity['result']): string | undefined {
  if (connection.authenticated) return 'accepted';
  if (connection.authUnknown) return undefined;
  return authResult ?? (connection.attempts > 0 ? 'rejected' : undefined);
}

/**
 * `error.type` of a connection, absent where it is no error: sshd failed, or somebody tried to get in and never did. A
 * scan, a probe of a load balancer and a client that changed its mind are none; nor is what nobody knows.
 */
export function connectionError(connection: ConnectionFacts): string | undefined {
  if (connection.serverFailed) return ERRORS.serverFailed;
  if (connection.authenticated || connection.authUnknown || connection.attempts === 0) return undefined;
  return connection.disconnectReason === 'grace_time' ? ERRORS.timeout : ERRORS.authFailed;
}

/** Byte counts stay exact up to 2^53; nobody sends more. */
export function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
