/** A span and its resource as the payloads of the spool. What comes back has passed a checksum, so it is ours. */
import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';

export function encodeSpan(record: SpanRecord): Buffer {
  return Buffer.from(JSON.stringify({ ...record, startNs: String(record.startNs), endNs: String(record.endNs) }));
}

export function decodeSpan(payload: Buffer): SpanRecord {
  const span = JSON.parse(payload.toString('utf8')) as Omit<SpanRecord, 'startNs' | 'endNs'> & Record<string, string>;
  return { ...span, startNs: BigInt(span['startNs'] ?? ''), endNs: BigInt(span['endNs'] ?? '') };
}

export function encodeResource(resource: ResourceRecord): Buffer {
  return Buffer.from(JSON.stringify(resource.attributes));
}

export function decodeResource(payload: Buffer): ResourceRecord {
  return { attributes: JSON.parse(payload.toString('utf8')) as Record<string, string> };
}
