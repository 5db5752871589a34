/** Where a connection goes on in another trace, and who tells the roots of them all. */
import type { ConnectionFacts } from '../sshd/session-event.ts';
import type { ConnectionState } from './connection-state.ts';
import { rootSpan, segmentRootSpan } from './span-assembly.ts';
import type { SpanRecord } from './span-record.ts';

/**
 * Counts bytes of a trace, see `Segments.add`.
 * @returns the root of the trace that begins by it, where the connection's end has been told and nobody else will tell it
 */
export function countBytes(
  connection: ConnectionFacts,
  { ids, rootsTold }: ConnectionState,
  segment: number,
  bytes: number,
  tsNs: bigint,
): SpanRecord[] {
  if (!ids.segments.add(bytes, segment, tsNs) || !rootsTold) return [];
  const last = ids.segments.count - 1;
  return [segmentRootSpan(connection, ids, last, ids.segments.startOf(last) ?? tsNs)];
}

/** The roots of all traces that there are by the end of a connection, the first one's last. */
export function tellRoots(connection: ConnectionFacts, state: ConnectionState, tsNs: bigint): SpanRecord[] {
  const { ids } = state;
  const spans: SpanRecord[] = [];
  for (let segment = ids.segments.count - 1; segment > 0; segment--) {
    spans.push(segmentRootSpan(connection, ids, segment, connection.endNs ?? tsNs));
  }
  // An earlier agent told the root of the first trace if the monitor was gone by then.
  if (!ids.isResumed || connection.exit !== undefined) spans.push(rootSpan(connection, ids, tsNs));
  state.rootsTold = true;
  return spans;
}
