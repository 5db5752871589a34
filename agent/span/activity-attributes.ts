/** From a finished activity to its span's name, attributes, links and status: one function a kind, no state. */
import type {
  Activity,
  AttemptActivity,
  ConnectionFacts,
  ForwardActivity,
  SessionActivity,
} from '../sshd/session-event.ts';
import { type Attributes, put, putCount, putFlag, seconds } from './attribute-map.ts';
import { ATTR, HELPER_NAMES, SPAN_NAMES } from './attributes.ts';
import { connectionError, putKey, toNumber } from './connection-attributes.ts';
import { putFile, putFileTally } from './file-attributes.ts';
import { limitString } from './limits.ts';
import { type ProcessAttributeOptions, programSpanName, putExit, putProgram } from './process-attributes.ts';
import type { Redactor } from './redactor.ts';
import type { SpanLink } from './span-record.ts';
import { cleanText, decodeUtf8 } from './text.ts';
import { remoteLink } from './trace-context.ts';

/** What an activity adds to the attributes that every span has. */
export interface ActivitySpan {
  readonly name: string;
  readonly links: readonly SpanLink[];
  /** Absent: status unset. */
  readonly errorType?: string | undefined;
}

export interface ActivityContext extends ProcessAttributeOptions {
  readonly connection: ConnectionFacts;
}

const NO_LINKS: readonly SpanLink[] = [];

/**
 * Puts the activity's own attributes over the common ones.
 * @param failedOrdinal the last real attempt of a connection that is over and let nobody in; undefined otherwise
 */
export function putActivity(
  attributes: Attributes,
  activity: Activity,
  context: ActivityContext,
  failedOrdinal: number | undefined,
): ActivitySpan {
  putFlag(attributes, ATTR.endUnknown, activity.endUnknown);
  if (activity.incomplete !== undefined && activity.incomplete.length > 0) {
    put(attributes, ATTR.incomplete, true);
    put(attributes, ATTR.incompleteReasons, [...activity.incomplete].sort());
  }
  switch (activity.kind) {
    case 'handshake':
      if (activity.keyExchangeNs !== undefined) {
        put(attributes, ATTR.keyExchangeDuration, seconds(activity.keyExchangeNs));
      }
      return { name: SPAN_NAMES.handshake, links: NO_LINKS };
    case 'auth': {
      const { connection } = context;
      put(attributes, ATTR.authResult, activity.result);
      put(attributes, ATTR.userValid, connection.userValid);
      put(attributes, ATTR.authAttempts, connection.attempts);
      put(attributes, ATTR.authFailedAttempts, connection.failedAttempts);
      put(attributes, ATTR.authQueries, connection.queries);
      const errorType = activity.result === 'accepted' ? undefined : connectionError(connection);
      return { name: SPAN_NAMES.auth, links: NO_LINKS, errorType };
    }
    case 'attempt':
      return putAttempt(attributes, activity, failedOrdinal);
    case 'phase':
      put(attributes, ATTR.spentBy, activity.owner);
      return { name: activity.name, links: NO_LINKS };
    case 'setup':
      return { name: SPAN_NAMES.setup, links: NO_LINKS };
    case 'session':
      return putSession(attributes, activity, context.redactor);
    case 'forward':
      return putForward(attributes, activity, context.redactor);
    case 'file':
      putFile(attributes, activity, context.redactor);
      return { name: SPAN_NAMES.file, links: NO_LINKS };
    case 'program': {
      const name = putProgram(attributes, activity.program, context, {});
      const { errorType } = putExit(attributes, activity.program.exit);
      return { name: programSpanName(name), links: NO_LINKS, errorType };
    }
    case 'helper': {
      const keys = activity.helper === 'authorized_keys_command' || activity.helper === 'authorized_principals_command';
      putProgram(attributes, activity.program, context, { allowKeys: keys });
      const { errorType } = putExit(attributes, activity.program.exit);
      return { name: HELPER_NAMES[activity.helper], links: NO_LINKS, errorType };
    }
  }
}

function putAttempt(attributes: Attributes, attempt: AttemptActivity, failedOrdinal: number | undefined): ActivitySpan {
  // What an attempt offered is its own; never the method or the key that let the user in later.
  delete attributes[ATTR.authMethod];
  delete attributes[ATTR.keyFingerprint];
  put(attributes, ATTR.authMethod, attempt.method === undefined ? undefined : limitString(attempt.method));
  put(attributes, ATTR.authResult, attempt.result);
  put(attributes, ATTR.attemptOrdinal, attempt.ordinal);
  putFlag(attributes, ATTR.attemptQuery, attempt.query);
  putKey(attributes, attempt.key);
  if (attempt.source !== 'monitor') put(attributes, ATTR.factSource, attempt.source);
  putFlag(attributes, ATTR.startUnknown, attempt.startUnknown);
  // A refused key among others is how a login goes; only the one that nothing followed is a failure.
  const failed = attempt.ordinal === failedOrdinal && attempt.method !== 'none';
  return { name: SPAN_NAMES.attempt, links: NO_LINKS, errorType: failed ? attempt.result : undefined };
}

/** A target that cannot be reached is the client's affair: no error. */
function putForward(attributes: Attributes, forward: ForwardActivity, redactor: Redactor): ActivitySpan {
  put(attributes, ATTR.forwardType, forward.type);
  put(attributes, ATTR.forwardDirection, forward.direction);
  put(attributes, ATTR.forwardOperation, forward.operation);
  let redacted = 0;
  for (const [name, bytes] of [
    [ATTR.forwardPath, forward.path],
    [ATTR.forwardTarget, forward.targetName],
  ] as const) {
    if (bytes === undefined) continue;
    const clean = redactor.text(cleanText(decodeUtf8(bytes)));
    put(attributes, name, limitString(clean.text));
    redacted += clean.redacted;
  }
  putCount(attributes, ATTR.redactions, redacted);
  put(attributes, ATTR.forwardResult, forward.result);
  put(attributes, ATTR.peerAddress, forward.target);
  put(attributes, ATTR.peerPort, forward.targetPort);
  put(attributes, ATTR.localAddress, forward.local);
  put(attributes, ATTR.localPort, forward.localPort);
  put(attributes, ATTR.forwardReceivedBytes, toNumber(forward.receivedBytes));
  put(attributes, ATTR.forwardSentBytes, toNumber(forward.sentBytes));
  return { name: SPAN_NAMES.forward, links: NO_LINKS };
}

function putSession(attributes: Attributes, session: SessionActivity, redactor: Redactor): ActivitySpan {
  put(attributes, ATTR.sessionType, session.type);
  if (session.typeSource !== undefined && session.typeSource !== 'monitor' && session.typeSource !== 'kernel') {
    put(attributes, ATTR.sessionTypeSource, session.typeSource);
  }
  put(attributes, ATTR.subsystem, session.subsystem === undefined ? undefined : limitString(session.subsystem));
  let redacted = 0;
  for (const [name, command] of [
    [ATTR.sessionCommand, session.command],
    [ATTR.requestedCommand, session.requestedCommand],
  ] as const) {
    if (command === undefined) continue;
    const clean = redactor.text(cleanText(decodeUtf8(command.bytes)));
    const text = limitString(clean.text);
    put(attributes, name, text);
    redacted += clean.redacted;
    if (name === ATTR.sessionCommand) put(attributes, ATTR.commandBytes, command.length);
    putFlag(attributes, ATTR.commandTruncated, text !== clean.text || command.bytes.length < command.length);
  }
  put(attributes, ATTR.tty, session.tty === undefined ? undefined : limitString(session.tty));
  putFlag(attributes, ATTR.interactive, session.tty !== undefined);
  put(attributes, ATTR.sessionEndedBy, session.endedBy);
  put(attributes, ATTR.sessionProgramCount, session.programs);
  putFileTally(attributes, session.files);
  put(attributes, ATTR.pid, session.leader.pid);
  putCount(attributes, ATTR.redactions, redacted);
  const { errorType } = putExit(attributes, session.exit);
  const link = remoteLink(session.traceparent, session.tracestate);
  // A login shell hands on the status of whatever ran last in it: that is no failure of the session.
  const failed = session.exit?.signal !== undefined || (session.type !== undefined && session.type !== 'shell');
  return {
    name: SPAN_NAMES.session,
    links: link === undefined ? NO_LINKS : [link],
    errorType: failed ? errorType : undefined,
  };
}
