/**
 * The privilege-separation protocol between network child, user child and monitor: monitor.h `enum monitor_reqtype`, the
 * same numbers from 6.2 to 10.6. Only what a producer may copy is read; see `ebpf/README.md` for the allow-list.
 */
import type { CutBytes, MonitorMessageEvent } from '../decode/kernel-event.ts';

/** Message numbers that carry a fact. */
export const MONITOR = {
  reqAuthserv: 4,
  reqSign: 6,
  ansSign: 7,
  reqPwnam: 8,
  ansPwnam: 9,
  reqAuthPassword: 12,
  ansAuthPassword: 13,
  /** From 10.3 on, sent by the network child before key exchange: that child reads the client's banner. */
  reqSetcompat: 18,
  reqKeyAllowed: 22,
  ansKeyAllowed: 23,
  reqKeyVerify: 24,
  ansKeyVerify: 25,
  /** Keys of the transport handed over: the proof of a login (monitor_wrap.c `mm_send_keystate`). */
  reqKeyExport: 26,
  reqPty: 28,
  ansPty: 29,
  reqPtyCleanup: 30,
  reqGssUserOk: 46,
  ansGssUserOk: 47,
  /** The user child saw the end of the TCP stream. */
  reqTerm: 50,
  reqState: 51,
  ansState: 52,
  reqPamStart: 100,
  reqPamAccount: 102,
  ansPamAccount: 103,
  reqPamInitCtx: 104,
  ansPamInitCtx: 105,
  reqPamQuery: 106,
  ansPamQuery: 107,
  reqPamRespond: 108,
  ansPamRespond: 109,
  reqPamFreeCtx: 110,
  ansPamFreeCtx: 111,
  reqAuditEvent: 112,
  reqAuditCommand: 113,
} as const;

/** Which requests open an attempt, and by which method. */
export const ATTEMPT_REQUESTS: ReadonlyMap<number, string> = new Map([
  [MONITOR.reqAuthPassword, 'password'],
  [MONITOR.reqKeyAllowed, 'publickey'],
  [MONITOR.reqPamInitCtx, 'keyboard-interactive'],
  [MONITOR.reqGssUserOk, 'gssapi-with-mic'],
]);

/** Types that a user child sends; all others come from a network child. */
export const USER_CHILD_TYPES: ReadonlySet<number> = new Set([28, 30, 50, 112, 113]);

/** The user child's first messages: seen, they prove that authentication is over. */
export const POST_AUTH_TYPES: ReadonlySet<number> = new Set([28, 30, 50, 113]);

/** First word of a payload, network byte order; undefined if it was not copied. */
export function word(message: MonitorMessageEvent, at = 0): number | undefined {
  return wordAt(message.data.bytes, at);
}

function wordAt(bytes: Uint8Array, at: number): number | undefined {
  if (at + 4 > bytes.length) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}

/** An SSH string at an offset; `cut` where its end was not copied. */
export interface SshString {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly next: number;
}

/** The string at an offset; undefined if not even its length was copied. */
export function stringAt(bytes: Uint8Array, at: number): SshString | undefined {
  const length = wordAt(bytes, at);
  if (length === undefined) return undefined;
  const start = at + 4;
  return { bytes: bytes.subarray(start, Math.min(bytes.length, start + length)), length, next: start + length };
}

/** Type 8: the user name as the client sent it, at most 256 bytes. */
export function userName(message: MonitorMessageEvent): Uint8Array | undefined {
  return stringAt(message.data.bytes, 0)?.bytes;
}

/** Type 113, of an sshd that is built with auditing, as Debian's is (session.c `do_exec`): what the session is about to run. */
export function auditCommand(message: MonitorMessageEvent): CutBytes | undefined {
  const text = stringAt(message.data.bytes, 0);
  return text === undefined ? undefined : { bytes: text.bytes, length: text.length };
}

/** Type 29: `ok`, then the name of the terminal. */
export function ptyName(message: MonitorMessageEvent): string | undefined {
  if (word(message) !== 1) return undefined;
  const name = stringAt(message.data.bytes, 4);
  if (name === undefined || name.bytes.length < name.length) return undefined;
  return terminalName(name.bytes);
}

/** A device path of plain characters, or undefined. */
export function terminalName(bytes: Uint8Array): string | undefined {
  let text = '';
  for (const byte of bytes) {
    const plain = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2f;
    if (!plain || text.length >= 32) return undefined;
    text += String.fromCharCode(byte);
  }
  return text.startsWith('/dev/') ? text : undefined;
}

/** What type 22 asks: which key, and whether the client has signed with it or only asks. */
export interface KeyRequest {
  readonly hostBased: boolean;
  /** The public key as on the wire; absent if it was cut. */
  readonly blob?: Uint8Array;
  /** false: signed. undefined: not copied, or OpenSSH <= 6.8, which has no flag. */
  readonly query?: boolean;
}

/** Type 22, monitor_wrap.c `mm_key_allowed`: type, user, host, blob, flag. */
export function keyRequest(message: MonitorMessageEvent): KeyRequest {
  const bytes = message.data.bytes;
  const hostBased = word(message) === 1;
  const user = stringAt(bytes, 4);
  const host = user === undefined ? undefined : stringAt(bytes, user.next);
  const blob = host === undefined ? undefined : stringAt(bytes, host.next);
  if (blob === undefined || blob.bytes.length < blob.length) return { hostBased };
  const flag = wordAt(bytes, blob.next);
  return { hostBased, blob: blob.bytes, ...(flag === undefined ? {} : { query: flag === 0 }) };
}

/** Name of the key's algorithm, the first string of its blob; undefined if it is not a plain name. */
export function keyType(blob: Uint8Array): string | undefined {
  const name = stringAt(blob, 0);
  if (name === undefined || name.length > 64 || name.bytes.length < name.length) return undefined;
  let text = '';
  for (const byte of name.bytes) {
    if (byte < 0x21 || byte > 0x7e) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
