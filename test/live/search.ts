/** Searching for a secret in every form in which it could have leaked. */

/** Length of the pieces that are searched for, bytes: longer ones cannot be there without them. */
const PIECE = 6;

/**
 * Where `secret` is found in `text`: raw, in hex (either case, with or without spaces), in base64 at any alignment, or in
 * pieces of six bytes. Empty: nowhere.
 */
export function findSecret(text: string, secret: string): string[] {
  const lower = text.toLowerCase();
  // Spaces between pairs of hex digits are allowed in the stream.
  const tight = lower.replaceAll(' ', '');
  const bytes = Buffer.from(secret, 'utf8');
  const found: string[] = [];
  for (let at = 0; at + PIECE <= bytes.length; at++) {
    const piece = bytes.subarray(at, at + PIECE);
    if (text.includes(piece.toString('latin1'))) found.push(`raw piece at ${at}`);
    if (tight.includes(piece.toString('hex'))) found.push(`hex piece at ${at}`);
  }
  for (const shift of [0, 1, 2]) {
    // The first and last character depend on the neighbours.
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const core = whole.slice(shift === 0 ? 0 : shift + 1, -2);
    if (text.includes(core)) found.push(`base64 shifted by ${shift}`);
  }
  return found;
}
