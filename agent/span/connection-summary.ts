/** One span for many connections in which nobody got in. */
import type { ProcessId } from '../decode/kernel-event.ts';
import { type ConnectionFacts, type IncompleteReason, ROOT } from '../sshd/session-event.ts';
import { type Attributes, put, putCount, putFlag } from './attribute-map.ts';
import { ATTR, ERRORS, SPAN_NAMES } from './attributes.ts';
import { connectionError, tellableUser } from './connection-attributes.ts';
import { type IdKey, spanId, summaryTraceId } from './span-ids.ts';
import type { SpanRecord } from './span-record.ts';

/** Names of users that one summary lists. */
const MAX_USERS = 16;
/** Reasons that one summary tells apart; there are no more than that. */
const MAX_REASONS = 32;
const NO_REASON = 'unknown';

export interface ConnectionSummary {
  /** An address, or a network. */
  readonly source: string;
  /** The first connection: it names the summary. */
  readonly first: ProcessId;
  connections: number;
  /** Of the same source and minute, told one by one. */
  told: number;
  attempts: number;
  failedAttempts: number;
  /** Unix time, ns. */
  startNs: bigint;
  endNs: bigint;
  /** Undefined where there were several. */
  address: string | undefined;
  readonly users: Set<string>;
  /** Connections under names that are not listed. */
  otherUsers: number;
  readonly reasons: Map<string, number>;
  readonly incomplete: Set<IncompleteReason>;
  errorType: string | undefined;
}

/** An empty one, which `connection` is to be the first of. */
export function newSummary(source: string, connection: ConnectionFacts): ConnectionSummary {
  const wallNs = connection.startNs + connection.wallOffsetNs;
  return {
    source,
    first: connection.id,
    connections: 0,
    told: 0,
    attempts: 0,
    failedAttempts: 0,
    startNs: wallNs,
    endNs: wallNs,
    address: connection.endpoints?.peer,
    users: new Set(),
    otherUsers: 0,
    reasons: new Map(),
    incomplete: new Set(),
    errorType: undefined,
  };
}

/** Adds a connection; `tsNs` stands in for an end that was not seen. */
export function summarize(summary: ConnectionSummary, connection: ConnectionFacts, tsNs: bigint): void {
  const startNs = connection.startNs + connection.wallOffsetNs;
  const endNs = (connection.endNs ?? tsNs) + connection.wallOffsetNs;
  summary.connections++;
  summary.attempts += connection.attempts;
  summary.failedAttempts += connection.failedAttempts;
  if (startNs < summary.startNs) summary.startNs = startNs;
  if (endNs > summary.endNs) summary.endNs = endNs;
  if (connection.endpoints?.peer !== summary.address) summary.address = undefined;
  if (connection.user !== undefined) {
    const name = tellableUser(connection);
    if (name !== undefined && (summary.users.has(name) || summary.users.size < MAX_USERS)) summary.users.add(name);
    else summary.otherUsers++;
  }
  const reason = connection.disconnectReason ?? NO_REASON;
  if (summary.reasons.has(reason) || summary.reasons.size < MAX_REASONS)
    summary.reasons.set(reason, (summary.reasons.get(reason) ?? 0) + 1);
  for (const each of connection.incomplete) summary.incomplete.add(each);
  summary.errorType = worse(summary.errorType, connectionError(connection));
}

/** Its own trace, of this one span. It goes first when a queue is full, as what it stands for would. */
export function summarySpan(summary: ConnectionSummary, key: IdKey, bootId: string): SpanRecord {
  const traceId = summaryTraceId(key, bootId, summary.first);
  const attributes: Attributes = {};
  put(attributes, ATTR.summarySource, summary.source);
  put(attributes, ATTR.clientAddress, summary.address);
  put(attributes, ATTR.summaryConnections, summary.connections);
  put(attributes, ATTR.summaryTold, summary.told);
  put(attributes, ATTR.authAttempts, summary.attempts);
  put(attributes, ATTR.authFailedAttempts, summary.failedAttempts);
  if (summary.users.size > 0) put(attributes, ATTR.summaryUsers, [...summary.users]);
  putCount(attributes, ATTR.summaryOtherUsers, summary.otherUsers);
  put(
    attributes,
    ATTR.summaryReasons,
    [...summary.reasons].map(([reason, count]) => `${reason}=${count}`),
  );
  putFlag(attributes, ATTR.incomplete, summary.incomplete.size > 0);
  if (summary.incomplete.size > 0) put(attributes, ATTR.incompleteReasons, [...summary.incomplete].sort());
  put(attributes, ATTR.errorType, summary.errorType);
  return {
    traceId,
    spanId: spanId(key, traceId, ROOT),
    name: SPAN_NAMES.summary,
    kind: 'internal',
    startNs: summary.startNs,
    endNs: summary.endNs,
    attributes,
    links: [],
    status: summary.errorType === undefined ? 'unset' : 'error',
    priority: 2,
    root: true,
  };
}

/** Which of two errors a summary tells: a server that fails before anything that clients do. */
function worse(one: string | undefined, other: string | undefined): string | undefined {
  const order = [ERRORS.serverFailed, ERRORS.authFailed, ERRORS.timeout];
  return order.find((each) => each === one || each === other);
}
