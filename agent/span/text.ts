/** Bytes and text of unknown origin made fit for any back end. */

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
/** Up to so many bytes of ASCII it is quicker not to call the decoder. */
const MAX_SHORT = 64;

/** UTF-8 with U+FFFD for what is not; the result is well-formed and may hold NULs. */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length > MAX_SHORT) return utf8.decode(bytes);
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 0x7f) return utf8.decode(bytes);
  return Reflect.apply(String.fromCharCode, undefined, bytes);
}

/** Well-formed and without NULs: one lone surrogate makes a strict JSON reader refuse the whole request. */
export function cleanText(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '') : wellFormed;
}

/** Length in UTF-8 bytes of well-formed text. */
export function utf8Length(text: string): number {
  let units = 0;
  for (let i = 0; i < text.length; i++) units |= text.charCodeAt(i);
  // Nearly all text is ASCII, of which one look at each character is enough.
  if (units < 0x80) return text.length;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Both halves of a pair count two: four in all.
    length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >= 0xd800 && unit <= 0xdfff ? 2 : 3;
  }
  return length;
}

/** The longest head of `text` that fits in `maxBytes` of UTF-8 and splits no character. */
export function headOf(text: string, maxBytes: number): string {
  // No more units than bytes can fit, so a huge text costs no more than the limit.
  const window = text.slice(0, maxBytes).toWellFormed();
  if (window.length === text.length && utf8Length(text) <= maxBytes) return text;
  const { read } = encoder.encodeInto(window, new Uint8Array(maxBytes));
  // A pair that the window halved became three bytes, which is one more than is left for it.
  return text.slice(0, read);
}

/** The longest tail of `text` that fits in `maxBytes` of UTF-8 and splits no character. */
export function tailOf(text: string, maxBytes: number): string {
  let from = text.length;
  let left = maxBytes;
  while (from > 0) {
    const point = text.codePointAt(from - 1) ?? 0;
    const pair = from > 1 && point >= 0xdc00 && point <= 0xdfff;
    const cost = pair ? 4 : point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
    if (cost > left) break;
    left -= cost;
    from -= pair ? 2 : 1;
  }
  return text.slice(from);
}

/** The first `maxPoints` code points, the last of them `…` where something was cut. */
export function cutPoints(text: string, maxPoints: number): string {
  if (text.length <= maxPoints) return text;
  // A point has at most two units, so this window always holds enough of them.
  const points = [...text.slice(0, maxPoints * 2 + 2)];
  if (points.length <= maxPoints) return text;
  return `${points.slice(0, Math.max(0, maxPoints - 1)).join('')}…`;
}
