import { isAlphanumeric, isBlank, isDigit } from './ascii.ts';
import type { Sink } from './edits.ts';
import type { Word } from './word.ts';
import { markSecret } from './word.ts';

/** A user name this long with a digit in it is a token: names for people are shorter. */
const TOKEN_LENGTH = 20;

/**
 * Finds passwords in URLs (`scheme://user:PASSWORD@host`), and tokens in the place of the user's name. One pass: the next
 * `@` and the next end of a URL are looked for forwards only.
 */
export function scanUrls(word: Word, sink: Sink): void {
  const text = word.value;
  let at = text.indexOf('://');
  let nextAt = -1;
  let urlEnd = -1;
  while (at >= 0) {
    const start = at + 3;
    let end = start;
    let colon = -1;
    let lastAt = -1;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === 64) lastAt = end;
      else if (code === 58 && colon < 0 && lastAt < 0) colon = end;
      else if (code === 47 || code === 63 || code === 35 || endsUrl(code)) break;
    }
    if (lastAt < 0 && colon >= 0 && !onlyDigits(text, colon + 1, end)) {
      // A password with an unescaped slash: the `@` comes later in the same URL.
      if (nextAt < end) nextAt = indexFrom(text, '@', end);
      if (urlEnd < end) urlEnd = findUrlEnd(text, end);
      if (nextAt < urlEnd) lastAt = nextAt;
      end = Math.max(end, lastAt);
    }
    if (lastAt >= 0) markUserInfo(word, start, colon, lastAt, sink);
    at = text.indexOf('://', end);
  }
}

function markUserInfo(word: Word, start: number, colon: number, at: number, sink: Sink): void {
  const text = word.value;
  const isWeb = text.startsWith('http://', start - 7) || text.startsWith('https://', start - 8);
  if (colon < 0 || colon > at) {
    if (isWeb && at - start >= TOKEN_LENGTH && looksLikeToken(text, start, at)) markSecret(word, start, at, sink);
    return;
  }
  const password = text.slice(colon + 1, Math.min(at, colon + 16));
  if (at === colon + 1 || (at - colon < 16 && (password === 'x-oauth-basic' || password === 'x'))) {
    if (isWeb && at > start) markSecret(word, start, colon, sink);
    return;
  }
  markSecret(word, colon + 1, at, sink);
}

function looksLikeToken(text: string, from: number, to: number): boolean {
  let digits = 0;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (isDigit(code)) digits++;
    else if (!isAlphanumeric(code) && code !== 95 && code !== 45) return false;
  }
  return digits > 0;
}

function endsUrl(code: number): boolean {
  return isBlank(code) || code === 34 || code === 39 || code === 60 || code === 62;
}

function findUrlEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && !endsUrl(text.charCodeAt(end))) end++;
  return end;
}

function indexFrom(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found;
}

function onlyDigits(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return true;
}
