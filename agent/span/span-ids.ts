/**
 * Names of traces and spans, computed and not drawn: who restarts, replays or sends again computes the same ids. They are
 * keyed, because collectors take spans from anybody who can reach them and back ends keep the first span of an id: with
 * guessable ids a user could send an empty span first and so hide what he ran. The test vectors are in `docs/ids.md`.
 *
 * The only file of the core that imports a `node:` module: the hash functions.
 */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { ProcessId } from '../decode/kernel-event.ts';
import type { SpanRef } from '../sshd/session-event.ts';

/** Length of a host key, bytes. */
export const HOST_KEY_BYTES = 32;

/** Version of the derivation. Other inputs or another order need another one. */
const VERSION = 'v1';

/** Namespace for UUIDv5 that the OpenTelemetry conventions prescribe for `service.instance.id`. */
const INSTANCE_NAMESPACE = '4d63009a8d0f11eeaad74c796ed8e320';

/** A host key, ready for use: making it anew for each id costs six times as much as the id. */
export type IdKey = KeyObject;

/** @throws RangeError if the host key isn't 32 bytes. */
export function idKey(hostKey: Uint8Array): IdKey {
  if (hostKey.length !== HOST_KEY_BYTES) {
    throw new RangeError(`a host key has ${HOST_KEY_BYTES} bytes, not ${hostKey.length}`);
  }
  return createSecretKey(hostKey);
}

/** Trace id of one segment of a connection: 32 lower-case hex digits, never all zero. `segment` counts from 0. */
export function traceId(key: IdKey, bootId: string, monitor: ProcessId, segment: number): string {
  return keyedHex(key, [VERSION, 'trace', bootId, `${monitor.pid}`, `${monitor.startNs}`, `${segment}`], 16);
}

/** Span id within a trace: 16 lower-case hex digits, never all zero. */
export function spanId(key: IdKey, trace: string, ref: SpanRef): string {
  return keyedHex(key, [trace, ref.kind, ...ref.key], 8);
}

/** UUIDv5 of a host's id: the same instance before and after a restart, as back ends need to recognise a span sent twice. */
export function instanceId(hostId: string): string {
  const hash = createHash('sha1').update(INSTANCE_NAMESPACE, 'hex').update(hostId, 'utf8').digest('hex');
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `5${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}

/** HMAC-SHA-256 over the parts, NUL between them, cut to `bytes`. */
function keyedHex(key: IdKey, parts: readonly string[], bytes: number): string {
  return nonZero(
    createHmac('sha256', key)
      .update(parts.join('\0'), 'utf8')
      .digest('hex')
      .slice(0, bytes * 2),
  );
}

/** All zero means *no id* on the wire (W3C Trace Context), so that one value becomes 1. */
export function nonZero(hex: string): string {
  return /^0+$/.test(hex) ? `${hex.slice(0, -1)}1` : hex;
}
