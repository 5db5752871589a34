/**
 * The trace that a client says it is part of (`SendEnv TRACEPARENT`). Any user chooses the value freely and may point into
 * somebody else's trace, so it becomes a link and never a parent, and its sampling flag is ignored.
 */
import { LINK } from './attributes.ts';
import type { SpanLink } from './span-record.ts';

/** W3C Trace Context: version, trace id, parent id, flags; a later version may add fields. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.{0,512})?$/;
/** Characters that the header may hold; what is longer or holds others is left out. */
const TRACESTATE = /^[ -~]{1,512}$/;

/** The link, or nothing where `traceparent` is not valid by the letter of the recommendation. */
export function remoteLink(traceparent: string | undefined, tracestate: string | undefined): SpanLink | undefined {
  const match = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent);
  const [, version, traceId = '', spanId = '', more] = match ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return {
    traceId,
    spanId,
    remote: true,
    traceState: tracestate !== undefined && TRACESTATE.test(tracestate) ? tracestate : undefined,
    attributes: { [LINK.type]: 'remote_parent' },
  };
}
