/** Puts a span together: ids, times, attributes, status. No state of its own. */
import type { Activity, ConnectionFacts, SpanRef } from '../sshd/session-event.ts';
import { type ActivitySpan, putActivity } from './activity-attributes.ts';
import { type Attributes, put, putFlag } from './attribute-map.ts';
import { ATTR, LINK, SPAN_NAMES } from './attributes.ts';
import { connectionError, putCommon, putConnection } from './connection-attributes.ts';
import type { ConnectionIds, Place } from './connection-ids.ts';
import type { ProcessAttributeOptions } from './process-attributes.ts';
import type { SpanLink, SpanRecord } from './span-record.ts';

export interface AssemblyContext extends ProcessAttributeOptions {
  readonly connection: ConnectionFacts;
  /** The connection is over, so what is known of it is final. */
  readonly closed: boolean;
}

const NO_LINKS: readonly SpanLink[] = [];

/** Span of a finished activity; `place` is where the connection's ids put it. */
export function activitySpan(
  activity: Activity,
  place: Place,
  ids: ConnectionIds,
  context: AssemblyContext,
): SpanRecord {
  const { connection } = context;
  const attributes: Attributes = {};
  const session = sessionOf(activity);
  // A session's own id is at hand; to ask for it again would be to compute it again.
  const isSession = activity.kind === 'session';
  const sessionId = isSession ? place.spanId : session === undefined ? undefined : ids.sessionId(session);
  putCommon(attributes, connection, ids.connectionId, sessionId);
  const refused = context.closed && !mayBeIn(connection);
  const own = putActivity(attributes, activity, context, refused ? ids.lastAttempt : undefined);
  put(attributes, ATTR.errorType, own.errorType);
  const parentNs = place.remoteParent === undefined ? ids.startOf(activity.parent) : undefined;
  const traceNs = ids.segments.startOf(place.segment) ?? connection.startNs;
  const startNs = latest(latest(activity.startNs, traceNs), parentNs ?? traceNs);
  return {
    traceId: place.traceId,
    spanId: place.spanId,
    parentSpanId: place.parentSpanId,
    name: own.name,
    kind: 'internal',
    startNs: startNs + connection.wallOffsetNs,
    endNs: latest(activity.endNs, startNs) + connection.wallOffsetNs,
    attributes,
    links: place.remoteParent === undefined ? own.links : [linkTo(place.remoteParent, 'parent'), ...own.links],
    status: own.errorType === undefined ? 'unset' : 'error',
    priority: priorityOf(activity, own, connection),
    root: false,
  };
}

/** `ssh.connection`, once the connection is over; `tsNs` stands in for an end that was not seen. */
export function rootSpan(connection: ConnectionFacts, ids: ConnectionIds, tsNs: bigint): SpanRecord {
  const attributes: Attributes = {};
  putCommon(attributes, connection, ids.connectionId, undefined);
  if (ids.segments.count > 1) put(attributes, ATTR.segment, 0);
  putConnection(attributes, connection, ids.authResult);
  putFlag(attributes, ATTR.endUnknown, connection.endNs === undefined);
  const errorType = connectionError(connection);
  put(attributes, ATTR.errorType, errorType);
  return {
    traceId: ids.traceOf(0),
    spanId: ids.rootOf(0),
    name: SPAN_NAMES.connection,
    kind: 'server',
    startNs: connection.startNs + connection.wallOffsetNs,
    endNs: latest(connection.endNs ?? tsNs, connection.startNs) + connection.wallOffsetNs,
    attributes,
    links: NO_LINKS,
    status: errorType === undefined ? 'unset' : 'error',
    priority: mayBeIn(connection) ? 0 : 2,
    root: true,
  };
}

/**
 * Root of a further trace of a connection that is too big for one. `endNs` is the connection's end, or the segment's own
 * start where it began after that.
 */
export function segmentRootSpan(
  connection: ConnectionFacts,
  ids: ConnectionIds,
  segment: number,
  endNs: bigint,
): SpanRecord {
  const attributes: Attributes = {};
  putCommon(attributes, connection, ids.connectionId, undefined);
  put(attributes, ATTR.segment, ids.numberOf(segment));
  if (ids.isResumed) {
    put(attributes, ATTR.incomplete, true);
    put(attributes, ATTR.incompleteReasons, [...connection.incomplete].sort());
  }
  const startNs = ids.segments.startOf(segment) ?? connection.startNs;
  return {
    traceId: ids.traceOf(segment),
    spanId: ids.rootOf(segment),
    name: SPAN_NAMES.connection,
    kind: 'server',
    startNs: startNs + connection.wallOffsetNs,
    endNs: latest(endNs, startNs) + connection.wallOffsetNs,
    attributes,
    links: [linkTo({ traceId: ids.traceOf(0), spanId: ids.rootOf(0) }, 'first_segment')],
    status: 'unset',
    priority: mayBeIn(connection) ? 0 : 2,
    root: true,
  };
}

function linkTo(span: { traceId: string; spanId: string }, type: 'parent' | 'first_segment'): SpanLink {
  return { ...span, remote: false, attributes: { [LINK.type]: type } };
}

/** The user got in, or what was not seen might have let him in. */
export function mayBeIn(connection: ConnectionFacts): boolean {
  return connection.authenticated || connection.authUnknown;
}

/** The session that an activity belongs to, if any. */
function sessionOf(activity: Activity): SpanRef | undefined {
  if (activity.kind === 'session') return activity.ref;
  if ((activity.kind === 'program' || activity.kind === 'file') && activity.session !== undefined)
    return activity.session;
  return activity.parent.kind === 'session' ? activity.parent : undefined;
}

function latest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function priorityOf(activity: Activity, own: ActivitySpan, connection: ConnectionFacts): 0 | 1 | 2 {
  if (!mayBeIn(connection)) return 2;
  if (own.errorType !== undefined) return 0;
  return activity.kind === 'auth' || activity.kind === 'attempt' || activity.kind === 'session' ? 0 : 1;
}
