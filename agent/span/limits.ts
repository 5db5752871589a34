/**
 * What a span may hold, so that no back end cuts or refuses it without a word: Tempo cuts strings at 2,048 bytes (not the
 * elements of arrays) and drops what exceeds 5,000,000 bytes a trace.
 */
import { cleanText, headOf, tailOf, utf8Length } from './text.ts';

/** UTF-8 bytes of one string value; longer ones are cut. */
export const MAX_STRING_BYTES = 2048;
/** Default for UTF-8 bytes of one argument vector, one more counted for each element. */
export const MAX_ARGV_BYTES = 65_536;
/** Code points of a span's name. */
export const MAX_NAME_POINTS = 64;
/** Code points of a command's preview. */
export const MAX_PREVIEW_POINTS = 256;

/** Shorter elements are never cut in the middle: a marker would be as long as what it replaces. */
const MIN_CUT_BYTES = 64;
/** No marker is longer: `…[` number ` bytes cut]…`, the number below 10^9. */
const MARKER_BYTES = 28;

/** A string value: clean, and cut at the end to 2,048 bytes with `…`. */
export function limitString(text: string): string {
  const clean = cleanText(text);
  if (clean.length * 3 <= MAX_STRING_BYTES || utf8Length(clean) <= MAX_STRING_BYTES) return clean;
  return `${headOf(clean, MAX_STRING_BYTES - 3)}…`;
}

/** So many times the bytes that are shown of an argument vector are looked at for them. */
export const LOOKED_AT = 2;

export interface ArgvHead {
  /** Whole elements; the vector itself where all of it is looked at. */
  readonly head: Uint8Array;
  /** Elements behind them. */
  readonly more: number;
}

/**
 * The beginning of a vector that is longer than can be shown, so that a user who runs programs with megabytes of arguments
 * costs no more than what is shown of them. It is cut between elements: what a secret is may show at the end of an element.
 */
export function argvHead(bytes: Uint8Array, maxBytes: number): ArgvHead {
  if (bytes.length <= maxBytes * LOOKED_AT) return { head: bytes, more: 0 };
  const end = bytes.indexOf(0, maxBytes * LOOKED_AT);
  if (end < 0 || end + 1 === bytes.length) return { head: bytes, more: 0 };
  let more = bytes.at(-1) === 0 ? 0 : 1;
  for (let at = bytes.indexOf(0, end + 1); at >= 0; at = bytes.indexOf(0, at + 1)) more++;
  return { head: bytes.subarray(0, end + 1), more };
}

export interface LimitedArgs {
  readonly args: string[];
  /** Something was cut, and is marked in place. */
  readonly cut: boolean;
}

/**
 * An argument vector of at most about `maxBytes` (UTF-8, one byte more an element). The longest elements are cut in the
 * middle, each to the same length; where even that is not enough, whole elements in the middle make way for one marker. Where
 * `more` elements follow that were left out before, the marker is at the end and tells of all.
 */
export function limitArgs(args: readonly string[], maxBytes: number = MAX_ARGV_BYTES, more = 0): LimitedArgs {
  const clean = args.map(cleanText);
  const lengths = clean.map((arg) => utf8Length(arg));
  const total = lengths.reduce((sum, length) => sum + length + 1, 0);
  if (total <= maxBytes && more === 0) return { args: clean, cut: false };

  const cap = Math.max(MIN_CUT_BYTES, commonCap(lengths, maxBytes - clean.length - (more === 0 ? 0 : MARKER_BYTES)));
  const cut = clean.map((arg, i) => ((lengths[i] ?? 0) > cap ? cutMiddle(arg, lengths[i] ?? 0, cap) : arg));
  return { args: more === 0 ? dropMiddle(cut, maxBytes) : dropEnd(cut, maxBytes, more), cut: true };
}

/** The largest length such that all elements, cut to it, fit in `budget` bytes. */
function commonCap(lengths: readonly number[], budget: number): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  let left = budget;
  for (const [i, length] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - i));
    if (length > share) return share;
    left -= length;
  }
  return Number.MAX_SAFE_INTEGER;
}

function cutMiddle(text: string, length: number, cap: number): string {
  const room = cap - MARKER_BYTES;
  const head = headOf(text, Math.ceil(room / 2));
  const tail = tailOf(text, Math.floor(room / 2));
  return `${head}…[${length - utf8Length(head) - utf8Length(tail)} bytes cut]…${tail}`;
}

/** Keeps whole elements from the beginning, as many as fit. */
function dropEnd(args: readonly string[], maxBytes: number, more: number): string[] {
  let left = maxBytes - MARKER_BYTES;
  const end = args.findIndex((arg) => {
    left -= utf8Length(arg) + 1;
    return left < 0;
  });
  const kept = end < 0 ? args : args.slice(0, end);
  return [...kept, `…[${args.length - kept.length + more} arguments cut]…`];
}

/** Keeps whole elements from both ends, as many as fit. */
function dropMiddle(args: readonly string[], maxBytes: number): string[] {
  let left = maxBytes;
  if (args.reduce((sum, arg) => sum + utf8Length(arg) + 1, 0) <= left) return [...args];
  left -= MARKER_BYTES;
  let head = 0;
  let tail = args.length;
  for (let turn = 0; head < tail; turn++) {
    const next = args[turn % 2 === 0 ? head : tail - 1] ?? '';
    left -= utf8Length(next) + 1;
    if (left < 0) break;
    if (turn % 2 === 0) head++;
    else tail--;
  }
  return [...args.slice(0, head), `…[${tail - head} arguments cut]…`, ...args.slice(tail)];
}
