import type { SpanRecord } from '../span/span-record.ts';

/** Whose share of a full queue a span counts towards: its connection's; that of the source for what never authenticated. */
export function ownerOf({ attributes, priority, traceId }: SpanRecord): string {
  const owner = attributes[priority === 2 ? 'client.address' : 'ssh.connection.id'];
  return typeof owner === 'string' ? owner : traceId;
}
