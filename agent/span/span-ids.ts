/**
 * Names of traces and spans, computed and not drawn: who restarts, replays or sends again computes the same ids. They are
 * keyed, because collectors take spans from anybody who can reach them and back ends keep the first span of an id: with
 * guessable ids a user could send an empty span first and so hide what he ran. The test vectors are in `docs/ids.md`.
 *
 * The only file of the core that imports a `node:` module: the hash functions.
 */
import { createHash, hash } from 'node:crypto';
import type { ProcessId } from '../decode/kernel-event.ts';
import type { SpanRef } from '../sshd/session-event.ts';

/** Length of a host key, bytes. */
export const HOST_KEY_BYTES = 32;

/** Version of the derivation. Other inputs or another order need another one. */
const VERSION = 'v1';

/** Namespace for UUIDv5 that the OpenTelemetry conventions prescribe for `service.instance.id`. */
const INSTANCE_NAMESPACE = '4d63009a8d0f11eeaad74c796ed8e320';

/** Block and digest of SHA-256, bytes. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** A host key, ready for use. */
export interface IdKey {
  /** HMAC's two blocks (RFC 2104): the key xor 0x36, then room for a message; the key xor 0x5c, then room for a digest. */
  inner: Uint8Array;
  readonly outer: Uint8Array;
}

const encoder = new TextEncoder();

/** @throws RangeError if the host key isn't 32 bytes. */
export function idKey(hostKey: Uint8Array): IdKey {
  if (hostKey.length !== HOST_KEY_BYTES) {
    throw new RangeError(`a host key has ${HOST_KEY_BYTES} bytes, not ${hostKey.length}`);
  }
  const inner = new Uint8Array(BLOCK_BYTES + 256).fill(0x36, 0, BLOCK_BYTES);
  const outer = new Uint8Array(BLOCK_BYTES + DIGEST_BYTES).fill(0x5c, 0, BLOCK_BYTES);
  for (const [at, byte] of hostKey.entries()) {
    inner[at] = 0x36 ^ byte;
    outer[at] = 0x5c ^ byte;
  }
  return { inner, outer };
}

/** Trace id of one segment of a connection: 32 lower-case hex digits, never all zero. `segment` counts from 0. */
export function traceId(key: IdKey, bootId: string, monitor: ProcessId, segment: number): string {
  return keyedHex(key, [VERSION, 'trace', bootId, monitor.pid, monitor.startNs, segment].join('\0'), 16);
}

/** Trace id of a summary of connections, which the first of them names. */
export function summaryTraceId(key: IdKey, bootId: string, first: ProcessId): string {
  return keyedHex(key, [VERSION, 'summary', bootId, first.pid, first.startNs].join('\0'), 16);
}

/** Span id within a trace: 16 lower-case hex digits, never all zero. */
export function spanId(key: IdKey, trace: string, ref: SpanRef): string {
  const parts = ref.key.length === 0 ? '' : `\0${ref.key.join('\0')}`;
  return keyedHex(key, `${trace}\0${ref.kind}${parts}`, 8);
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

/**
 * HMAC-SHA-256 over the text, cut to `bytes`. Put together from two hashes, because every span needs one and an Hmac object
 * takes twice the time.
 */
function keyedHex(key: IdKey, text: string, bytes: number): string {
  // A UTF-16 unit becomes at most three bytes.
  const room = BLOCK_BYTES + text.length * 3;
  if (key.inner.length < room) {
    const wider = new Uint8Array(room);
    wider.set(key.inner);
    key.inner = wider;
  }
  const { written } = encoder.encodeInto(text, key.inner.subarray(BLOCK_BYTES));
  const digest = hash('sha256', key.inner.subarray(0, BLOCK_BYTES + written), 'binary');
  for (let at = 0; at < DIGEST_BYTES; at++) key.outer[BLOCK_BYTES + at] = digest.charCodeAt(at);
  return nonZero(hash('sha256', key.outer, 'hex').slice(0, bytes * 2));
}

/** All zero means *no id* on the wire (W3C Trace Context), so that one value becomes 1. */
export function nonZero(hex: string): string {
  return /^0+$/.test(hex) ? `${hex.slice(0, -1)}1` : hex;
}
