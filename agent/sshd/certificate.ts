/** OpenSSH certificates as on the wire (PROTOCOL.certkeys): the plain key, and who signed it for whom. */
import { keyType, stringAt } from './monitor-protocol.ts';

/** How many strings or numbers of the plain key follow the nonce in a certificate (PROTOCOL.certkeys). */
const CERTIFICATE_FIELDS: ReadonlyMap<string, number> = new Map([
  ['ssh-ed25519', 1],
  ['ssh-rsa', 2],
  ['ssh-dss', 4],
  ['ecdsa-sha2-nistp256', 2],
  ['ecdsa-sha2-nistp384', 2],
  ['ecdsa-sha2-nistp521', 2],
  ['sk-ssh-ed25519@openssh.com', 2],
  ['sk-ecdsa-sha2-nistp256@openssh.com', 3],
]);

const CERTIFICATE_SUFFIX = '-cert-v01@openssh.com';

/** The blob is an OpenSSH certificate. */
export function isCertificate(type: string): boolean {
  return type.endsWith(CERTIFICATE_SUFFIX);
}

export interface Certificate {
  /** The plain key inside, as sshd's own log names it. */
  readonly plainKey: Uint8Array;
  /** Absent where it was cut. */
  readonly serial?: bigint;
  /** What whoever signed it calls it. */
  readonly id?: Uint8Array;
  readonly authority?: Uint8Array;
}

/** u64 and u32 behind the plain key. */
const SERIAL_BYTES = 8;
const TYPE_BYTES = 4;
/** valid after, valid before. */
const VALIDITY_BYTES = 16;

/** Takes a certificate apart; undefined for an unknown kind, or one that was cut inside its plain key. */
export function readCertificate(blob: Uint8Array): Certificate | undefined {
  const type = keyType(blob);
  if (type === undefined || !isCertificate(type)) return undefined;
  const stem = type.slice(0, -CERTIFICATE_SUFFIX.length);
  const plain = stem.startsWith('sk-') ? `${stem}@openssh.com` : stem;
  const fields = CERTIFICATE_FIELDS.get(plain);
  const nonce = stringAt(blob, 4 + type.length);
  if (fields === undefined || nonce === undefined) return undefined;
  const end = skipStrings(blob, nonce.next, fields);
  if (end === undefined || end > blob.length) return undefined;
  const plainKey = new Uint8Array(4 + plain.length + end - nonce.next);
  new DataView(plainKey.buffer).setUint32(0, plain.length);
  for (let i = 0; i < plain.length; i++) plainKey[4 + i] = plain.charCodeAt(i);
  plainKey.set(blob.subarray(nonce.next, end), 4 + plain.length);
  return { plainKey, ...signedPart(blob, end) };
}

/** serial, type, key id, principals, validity, critical options, extensions, reserved, signature key. */
function signedPart(blob: Uint8Array, at: number): Omit<Certificate, 'plainKey'> {
  const id = stringAt(blob, at + SERIAL_BYTES + TYPE_BYTES);
  if (id === undefined || id.next > blob.length) return {};
  const serial = new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getBigUint64(at);
  const principals = stringAt(blob, id.next);
  const options = principals === undefined ? undefined : skipStrings(blob, principals.next + VALIDITY_BYTES, 3);
  const authority = options === undefined ? undefined : stringAt(blob, options);
  const whole = authority !== undefined && authority.next <= blob.length;
  return { serial, id: id.bytes, ...(whole ? { authority: authority.bytes } : {}) };
}

/** Offset behind `count` strings. */
function skipStrings(bytes: Uint8Array, at: number, count: number): number | undefined {
  let end = at;
  for (let i = 0; i < count; i++) {
    const field = stringAt(bytes, end);
    if (field === undefined) return undefined;
    end = field.next;
  }
  return end;
}
