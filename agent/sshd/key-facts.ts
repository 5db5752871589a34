/** A public key as people name it: type and SHA256 fingerprint. */
import { isCertificate, readCertificate } from './certificate.ts';
import { keyType } from './monitor-protocol.ts';

export interface KeyFacts {
  /** As on the wire, for instance `ssh-ed25519` or `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  /** `SHA256:…`; of the certificate's plain key where the blob is a certificate. */
  readonly fingerprint?: string | undefined;
  readonly certificate: boolean;
  readonly certificateId?: string | undefined;
  /** Decimal, 0 to 2^64 - 1. */
  readonly certificateSerial?: string | undefined;
  /** `SHA256:…` of the key that signed the certificate. */
  readonly authorityFingerprint?: string | undefined;
}

/** SHA-256 of some bytes; handed in, since the core uses no platform module. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Facts of a key blob as on the wire; undefined if it is none. */
export function keyFacts(blob: Uint8Array, sha256: Sha256): KeyFacts | undefined {
  const type = keyType(blob);
  if (type === undefined) return undefined;
  if (!isCertificate(type)) return { type, certificate: false, fingerprint: fingerprint(blob, sha256) };
  const read = readCertificate(blob);
  if (read === undefined) return { type, certificate: true };
  return {
    type,
    certificate: true,
    fingerprint: fingerprint(read.plainKey, sha256),
    ...(read.id === undefined ? {} : { certificateId: decode(read.id) }),
    ...(read.serial === undefined ? {} : { certificateSerial: String(read.serial) }),
    ...(read.authority === undefined ? {} : { authorityFingerprint: fingerprint(read.authority, sha256) }),
  };
}

/** Bytes as UTF-8, what is none replaced. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** `SHA256:` and base64 without padding, as `ssh-keygen -l` prints it (sshkey.c `fingerprint_b64`). */
export function fingerprint(blob: Uint8Array, sha256: Sha256): string {
  let text = '';
  for (const byte of sha256(blob)) text += String.fromCharCode(byte);
  return `SHA256:${btoa(text).replaceAll('=', '')}`;
}

/** Names in sshd's log (sshkey.c `keyimpls`, short names) and the types that they stand for. */
const LOG_NAMES: ReadonlyMap<string, string> = new Map([
  ['ED25519', 'ssh-ed25519'],
  ['RSA', 'ssh-rsa'],
  ['DSA', 'ssh-dss'],
  ['ED25519-SK', 'sk-ssh-ed25519@openssh.com'],
  ['ECDSA-SK', 'sk-ecdsa-sha2-nistp256@openssh.com'],
  ['ED25519-CERT', 'ssh-ed25519-cert-v01@openssh.com'],
  ['RSA-CERT', 'ssh-rsa-cert-v01@openssh.com'],
  ['ED25519-SK-CERT', 'sk-ssh-ed25519-cert-v01@openssh.com'],
]);

/** Facts of a key that a log line names; the log does not tell the curve of an ECDSA key, so its own name stays. */
export function keyFromLog(key: { name: string; fingerprint: string; certificateId?: string }): KeyFacts {
  return {
    type: LOG_NAMES.get(key.name) ?? key.name,
    fingerprint: key.fingerprint,
    certificate: key.name.endsWith('-CERT'),
    ...(key.certificateId === undefined ? {} : { certificateId: key.certificateId }),
  };
}
