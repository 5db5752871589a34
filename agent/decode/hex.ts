/** Hex, the spelling of every byte that a user may choose: lower case, spaces between pairs allowed. */

const INVALID = 0xff;
const SPACE = 0x20;

/** Value of each lower-case hex digit by its char code. */
const NIBBLE = new Uint8Array(256).fill(INVALID);
for (let digit = 0; digit < 16; digit++) NIBBLE[digit.toString(16).charCodeAt(0)] = digit;

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function nibble(code: number): number {
  return code < 256 ? (NIBBLE[code] as number) : INVALID;
}

/**
 * Bytes that the text stands for, or undefined if it isn't lower-case hex with spaces between pairs.
 * By table, since a regular expression per field costs more than the whole record.
 */
export function decodeHex(text: string): Uint8Array | undefined {
  const end = text.length;
  const bytes = new Uint8Array(end >> 1);
  let size = 0;
  let at = 0;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === SPACE) {
      at++;
      continue;
    }
    // Beyond the end charCodeAt gives NaN, which no comparison below 256 accepts.
    const high = nibble(code);
    const low = nibble(text.charCodeAt(at + 1));
    if (high === INVALID || low === INVALID) return undefined;
    bytes[size++] = (high << 4) | low;
    at += 2;
  }
  return size === bytes.length ? bytes : bytes.slice(0, size);
}

/** Lower-case hex without spaces. */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte] as string;
  return text;
}
