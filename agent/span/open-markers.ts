/**
 * A connection may stay open for days, and its span is told at its end. So what is still open 2 s after it began tells so
 * once, by a small span of its own below the one to come: who is on the host can be searched for while he is there. The
 * real span is never told twice.
 */
import type { ConnectionFacts, SpanRef } from '../sshd/session-event.ts';
import { type Attributes, put } from './attribute-map.ts';
import { ATTR, OPEN_SUFFIX, SPAN_NAMES } from './attributes.ts';
import { putCommon } from './connection-attributes.ts';
import type { ConnectionIds } from './connection-ids.ts';
import type { SpanRecord } from './span-record.ts';

/** What is open: the root's ref, or a session's. */
export type OpenRef = SpanRef & { readonly kind: 'connection' | 'session' };

/** Whether a ref is one that markers are for. */
export function isOpenRef(ref: SpanRef): ref is OpenRef {
  return ref.kind === 'connection' || ref.kind === 'session';
}

/** The marker: no duration, at the boot time when `open` began. */
export function openMarker(
  open: OpenRef,
  connection: ConnectionFacts,
  ids: ConnectionIds,
  beganNs: bigint,
): SpanRecord {
  const place = ids.place({ kind: 'phase', key: ['open', open.kind, ...open.key] }, open);
  const attributes: Attributes = {};
  putCommon(attributes, connection, ids.connectionId, open.kind === 'session' ? ids.sessionId(open) : undefined);
  put(attributes, ATTR.pending, true);
  const atNs = beganNs + connection.wallOffsetNs;
  return {
    traceId: place.traceId,
    spanId: place.spanId,
    parentSpanId: place.parentSpanId,
    name: `${SPAN_NAMES[open.kind]}${OPEN_SUFFIX}`,
    kind: 'internal',
    startNs: atNs,
    endNs: atNs,
    attributes,
    links: [],
    status: 'unset',
    priority: 0,
    root: false,
  };
}
