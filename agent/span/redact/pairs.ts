import { isAlphanumeric, isBlank, isDigit, isNameCharacter, lower } from './ascii.ts';
import type { Sink } from './edits.ts';
import { isKeyName, isSecretKey } from './secret-key.ts';
import type { Word } from './word.ts';
import { markSecret } from './word.ts';

/** Whether a header of this name, in small letters, holds a secret. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name);
}

/** Headers whose value is a secret although their names don't say so. */
const SECRET_HEADERS = new Set([
  'authorization',
  'proxy-authorization',
  'x-auth',
  'x-api-auth',
  'cookie',
  'set-cookie',
]);

/** Query parameters that sign a URL: whoever has the URL has the right. */
const SIGNATURES = new Set(['sig', 'signature', 'x-amz-signature', 'x-goog-signature']);

export interface PairOptions {
  /** A `KEY=value` at the start takes all that follows. Default: up to a delimiter that begins another pair. */
  readonly whole?: boolean;
  /** More characters that end a value. */
  readonly delimiters?: string;
  /** A header may stand without a blank behind the colon (httpie). */
  readonly header?: boolean;
  /** More names that hold secrets, in small letters. */
  readonly keys?: ReadonlySet<string> | undefined;
}

/**
 * Finds the values of secret-like names in one argument or text: `KEY=value`, `a=1&token=x`, `{"password": "x"}`,
 * `Authorization: Bearer x`, `'password' => 'x'`. One pass; behind a value the search goes on.
 */
export function scanPairs(word: Word, sink: Sink, options: PairOptions = {}): void {
  const text = word.value;
  let keyStart = 0;
  let keyEnd = 0;
  let quoted = false;
  let i = 0;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (isKeyCharacter(code)) {
      if (keyEnd !== i || keyEnd === keyStart) keyStart = i;
      keyEnd = ++i;
      quoted = false;
    } else if (keyEnd > keyStart && (code === 61 || code === 58)) {
      i = pairAt(word, keyStart, keyEnd, i, quoted, sink, options);
      keyStart = keyEnd = i;
    } else if (keyEnd > keyStart && (code === 34 || code === 39 || code === 92) && !quoted) {
      quoted = code !== 92;
      i++;
    } else if (keyEnd > keyStart && (code === 32 || code === 93)) {
      i++;
    } else {
      i++;
      keyStart = keyEnd = i;
    }
  }
}

/** Handles the separator at `at` behind a name; returns where to go on. */
function pairAt(
  word: Word,
  keyStart: number,
  keyEnd: number,
  at: number,
  quoted: boolean,
  sink: Sink,
  options: PairOptions,
): number {
  const text = word.value;
  const colon = text.charCodeAt(at) === 58;
  let start = at + 1;
  if (text.charCodeAt(start) === 61) {
    if (!colon) return start + 1; // == compares
    start++; // :=
  } else if (colon) {
    if (!quoted && !isBlank(text.charCodeAt(start)) && options.header !== true) return start;
  } else if (text.charCodeAt(start) === 62) start++; // =>
  const name = text.slice(keyStart, Math.min(keyEnd, keyStart + 256));
  const header = SECRET_HEADERS.has(lower(name));
  if (!header && !isSecretName(text, name, keyStart, options)) return start;
  while (start < text.length && (text.charCodeAt(start) === 32 || text.charCodeAt(start) === 9)) start++;
  let quote = text.charCodeAt(start) === 92 ? text.charCodeAt(start + 1) : text.charCodeAt(start);
  const escaped = text.charCodeAt(start) === 92 && (quote === 34 || quote === 39);
  if (quote === 34 || quote === 39) start += escaped ? 2 : 1;
  else quote = 0;
  if (header && colon) start = skipScheme(text, start);
  const end = valueEnd(text, start, { quote, header, first: !colon && keyStart === 0 }, options);
  if (isHarmless(text, start, end, name)) return Math.max(end, at + 1);
  markSecret(word, start, end, sink);
  return Math.max(end, at + 1);
}

function isSecretName(text: string, name: string, keyStart: number, options: PairOptions): boolean {
  if (isSecretKey(name) || options.keys?.has(lower(name)) === true) return true;
  const before = text.charCodeAt(keyStart - 1);
  return (before === 63 || before === 38) && SIGNATURES.has(lower(name));
}

/** How a value is written: within quotes (code of the quote, or 0), as a header, as the first pair of its argument. */
interface ValueStyle {
  readonly quote: number;
  readonly header: boolean;
  readonly first: boolean;
}

/** End of a value: its quote, or a delimiter, or, for the first `KEY=` of an argument, the end of the argument. */
function valueEnd(text: string, start: number, kind: ValueStyle, options: PairOptions): number {
  const { quote, header, first } = kind;
  let end = start;
  if (quote !== 0) {
    while (end < text.length && text.charCodeAt(end) !== quote) {
      if (text.charCodeAt(end) === 92 && text.charCodeAt(end + 1) !== quote) end++;
      else if (text.charCodeAt(end) === 92) {
        // `\"` ends a value that `\"` began, and is part of one that `"` began.
        if (text.charCodeAt(start - 2) === 92) return end;
        end++;
      }
      end++;
    }
    return Math.min(end, text.length);
  }
  if (first && options.whole === true) return text.length;
  if (first) return firstPairEnd(text, start);
  const delimiters = options.delimiters ?? '';
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (header ? endsHeader(code) : endsValue(code) || delimiters.includes(text.charAt(end))) break;
  }
  return end;
}

/** The value goes on over delimiters unless one begins another `name=`: `password=a b&c` and `password=a&user=b`. */
function firstPairEnd(text: string, start: number): number {
  let delimiter = -1;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 38 || code === 59 || code === 44 || code === 32 || code === 10) delimiter = i;
    else if (code === 61 && delimiter >= 0 && i > delimiter + 1) return delimiter;
    else if (!isNameCharacter(code) && code !== 45 && code !== 46) delimiter = -1;
  }
  return text.length;
}

/** Behind `Bearer ` or `Basic `: the scheme is no secret. */
function skipScheme(text: string, start: number): number {
  let end = start;
  while (end < text.length && (isAlphanumeric(text.charCodeAt(end)) || text.charCodeAt(end) === 45)) end++;
  return end > start && text.charCodeAt(end) === 32 && !endsHeader(text.charCodeAt(end + 1)) ? end + 1 : start;
}

/** Values that say something about a secret and are none. */
export function isHarmless(text: string, start: number, end: number, name: string): boolean {
  if (end <= start) return true;
  const value = end - start <= 16 ? lower(text.slice(start, end)) : '';
  if (HARMLESS.has(value)) return true;
  // `${NAME}`, escaped or in single quotes: filled in by a program later.
  if (text.startsWith('${', start) && isName(text, start + 2, end)) return true;
  // `.*`, `//`: a pattern or the rest of one.
  if (end - start <= 4 && !hasAlphanumeric(text, start, end)) return true;
  if (end - start === 1 && isDigit(text.charCodeAt(start))) return true;
  if (!isKeyName(name) && !endsInPwd(name)) return false;
  return isPath(text, start);
}

const HARMLESS = new Set(['true', 'false', 'yes', 'no', 'null', 'none', 'on', 'off', 'prompt', '*', '-', '%s', '{}']);

function isName(text: string, from: number, to: number): boolean {
  const end = text.charCodeAt(to - 1) === 125 ? to - 1 : to;
  for (let i = from; i < end; i++) if (!isNameCharacter(text.charCodeAt(i))) return false;
  return end > from;
}

function hasAlphanumeric(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (isAlphanumeric(text.charCodeAt(i)) || text.charCodeAt(i) > 127) return true;
  return false;
}

function endsInPwd(name: string): boolean {
  return lower(name.slice(-3)) === 'pwd';
}

/** Ends of the names of files that hold keys. */
const KEY_FILES = ['.pem', '.key', '.json', '.gpg', '.asc', '.p12', '.pfx', '.jks', '.crt', '.pub', '.txt', '.der'];

/** A file's name in the place of a key. */
export function isPath(text: string, at: number): boolean {
  if (text.length - at < 256 && KEY_FILES.some((end) => text.endsWith(end))) return true;
  return ['/', '~/', './', '../', '@', 'file:'].some((start) => text.startsWith(start, at));
}

function isKeyCharacter(code: number): boolean {
  return isNameCharacter(code) || code === 45 || code === 46;
}

function endsHeader(code: number): boolean {
  return code === 10 || code === 13 || code === 34 || code === 39 || Number.isNaN(code);
}

function endsValue(code: number): boolean {
  return isBlank(code) || '&,;"\'})]|<>`'.includes(String.fromCharCode(code));
}
