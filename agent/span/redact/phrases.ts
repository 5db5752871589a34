import { isBlank, lower } from './ascii.ts';
import type { Sink } from './edits.ts';
import type { Word } from './word.ts';
import { markSecret } from './word.ts';

/** Longer tokens are no word of these languages. */
const MAX_TOKEN = 24;

/**
 * Finds passwords in small languages where blanks stand between the name and the value: SQL (`IDENTIFIED BY 'x'`,
 * `PASSWORD 'x'`, `PASSWORD('x')`), netrc (`login bob password x`), debconf (`shop/root_password password x`). One pass.
 */
export function scanPhrases(word: Word, sink: Sink): void {
  const text = word.value;
  // The tokens before, in small letters, the nearest first.
  let before: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (isBlank(text.charCodeAt(at))) {
      at++;
      continue;
    }
    let end = at;
    while (end < text.length && !isBlank(text.charCodeAt(end))) end++;
    const token = lower(text.slice(at, Math.min(end, at + MAX_TOKEN)));
    const quoteAt = token.startsWith('password(') ? at + 9 : at;
    const quote = text.charAt(quoteAt);
    if ((quote === "'" || quote === '"') && (quoteAt > at || namesPassword(before))) {
      const close = text.indexOf(quote, quoteAt + 1);
      const stop = close < 0 ? text.length : close;
      markSecret(word, quoteAt + 1, stop, sink);
      end = Math.max(end, stop);
    } else if (before[0] === 'password' && before[2] === 'login') markSecret(word, at, end, sink);
    else if (before[0] === 'password' && before[1]?.includes('/') === true) {
      while (end < text.length && text.charCodeAt(end) !== 10) end++;
      markSecret(word, at, end, sink);
    }
    before = [token, ...before.slice(0, 5)];
    at = end;
  }
}

function namesPassword(before: readonly string[]): boolean {
  if (before[0] === 'password' || before[0] === 'passwd') return true;
  return before[0] === 'by' && before.includes('identified');
}
