/** Character classes by code. ASCII only on purpose: lower-casing Unicode may change a string's length and so its offsets. */

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

export function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}

export function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isUpper(code) || isLower(code);
}

/** Characters of a shell variable's name. */
export function isNameCharacter(code: number): boolean {
  return isAlphanumeric(code) || code === 95;
}

/** Space, tab, newline, carriage return, and NUL, which ends a string for every program. */
export function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13 || code === 0;
}

/** Ends a word outside of quotes: blanks, and `;` `(` `)` `&` `|`. */
export function endsShellWord(code: number): boolean {
  return isBlank(code) || code === 59 || code === 40 || code === 41 || code === 38 || code === 124;
}

/** Means something to a shell within a word: the ends of words, and `<` `>` `"` `'` `$` and the two slanted ones. */
export function isShellSpecial(code: number): boolean {
  if (code > 62) return code === 92 || code === 96 || code === 124;
  return endsShellWord(code) || code === 60 || code === 62 || code === 34 || code === 39 || code === 36;
}

/** Lower-cases A–Z and nothing else. */
export function lower(text: string): string {
  let result = '';
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isUpper(code)) continue;
    result += text.slice(copied, i) + String.fromCharCode(code + 32);
    copied = i + 1;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

/**
 * Whether a text is one word that says nothing but its name: letters, digits and what stands in paths. No blank, quote or
 * other character of the shell, and neither `=` nor `:` behind which a value could stand.
 */
export function isOnePlainWord(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // From `+` to `/`: + , - . / and from `@` on letters.
    if (!isNameCharacter(code) && (code < 43 || code > 47) && code !== 64) return false;
  }
  return true;
}

/** Whether a text holds a blank, so that it may be more than one word. */
export function hasBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (isBlank(text.charCodeAt(i))) return true;
  return false;
}
