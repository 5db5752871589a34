/**
 * Text of strangers for a person's terminal. A user name reaches root's screen before anybody is authenticated, so nothing
 * that moves the cursor, changes the meaning of what follows or can't be seen is ever written as it is: control characters,
 * escape sequences, bidirectional marks, line separators, zero-width and unassigned characters.
 */

/** Categories: Cc control, Cf format (bidi, zero width), Cs lone surrogate, Co private, Cn unassigned, Zl and Zp line ends. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;
const UNSAFE_EACH = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** What a shell reads as it stands. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

/** The text with everything unsafe spelled out: `\n`, `\e`, `\x07`, `\u202e`. */
export function escapeText(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_EACH, spell) : text;
}

/** One argument as a shell would have to be given it: plain, `'quoted'`, or `$'with\nescapes'`. */
export function quoteArg(arg: string): string {
  if (PLAIN_WORD.test(arg)) return arg;
  if (!UNSAFE.test(arg)) return `'${arg.replaceAll("'", "'\\''")}'`;
  return `$'${arg.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replace(UNSAFE_EACH, spell)}'`;
}

function spell(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const point = character.codePointAt(0) ?? 0;
  if (point <= 0xff) return `\\x${point.toString(16).padStart(2, '0')}`;
  return point <= 0xffff ? `\\u${point.toString(16).padStart(4, '0')}` : `\\U${point.toString(16).padStart(8, '0')}`;
}
