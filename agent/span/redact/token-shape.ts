import { isAlphanumeric, isBlank, isDigit, isLower, isNameCharacter, isUpper } from './ascii.ts';
import type { Sink } from './edits.ts';
import { REDACTED } from './edits.ts';

/** Which characters follow a token's prefix. */
type Alphabet = 'alphanumeric' | 'upper' | 'name' | 'base64url' | 'dotted';

/** A token that is known by its beginning. `length`: at least so many characters follow; `exact`: just so many. */
interface TokenShape {
  readonly prefix: string;
  readonly alphabet: Alphabet;
  readonly length: number;
  readonly exact?: boolean;
}

/** From the issuers' own documentation of their token formats. */
const SHAPES: readonly TokenShape[] = [
  ...shapes('ghp_ gho_ ghu_ ghs_ ghr_ npm_', 'alphanumeric', 30),
  ...shapes('github_pat_ shpat_ shpss_ shpca_ shppa_ hf_ glsa_ lin_api_ sntrys_ sntryu_ rubygems_ nfp_', 'name', 22),
  ...shapes('glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- gloas-', 'dotted', 16),
  ...shapes('xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp- xwfp-', 'dotted', 10),
  ...shapes('AIza', 'base64url', 35, true),
  ...shapes('ya29. GOCSPX- 1//0', 'base64url', 20),
  ...shapes('sk_live_ sk_test_ rk_live_ rk_test_ whsec_', 'alphanumeric', 16),
  ...shapes(
    'sk-ant- sk-proj- sk-svcacct- sk-or- dckr_pat_ dckr_oat_ figd_ pypi-AgE pul- PMAK- NRAK- xkeysib- tskey- ATATT3 ATBB',
    'base64url',
    16,
  ),
  ...shapes('sk- gsk_ r8_ fo1_ FlyV1', 'alphanumeric', 32),
  ...shapes('hvs. hvb. hvr. SG. dp.pt. dp.st.', 'dotted', 20),
  ...shapes('dop_v1_ doo_v1_ dor_v1_ dapi', 'alphanumeric', 32),
  ...shapes('AGE-SECRET-KEY-1', 'upper', 50),
  ...shapes('SWMTKN-1-', 'base64url', 20),
  ...shapes('AKIA ASIA ABIA ACCA', 'upper', 16, true),
];

const BY_FIRST = new Map<string, TokenShape[]>();
for (const shape of SHAPES) {
  const first = shape.prefix.charAt(0);
  const list = BY_FIRST.get(first);
  if (list === undefined) BY_FIRST.set(first, [shape]);
  else list.push(shape);
}

/** By character code, 1: a token may begin with it. */
const BEGINS = new Uint8Array(128);
for (const first of [...BY_FIRST.keys(), 'e']) BEGINS[first.charCodeAt(0)] = 1;

/**
 * Finds tokens of well-known shapes, JSON Web Tokens and private keys in PEM form wherever they stand. One pass over
 * the text: a stretch that turned out to be no token is not walked again for the same reason.
 */
export function scanTokens(text: string, sink: Sink): void {
  let hasAwsId = false;
  let jwtTriedTo = 0;
  for (let i = 0; i < text.length; i++) {
    // Most characters begin no token; the others only where no name goes on.
    if (BEGINS[text.charCodeAt(i)] !== 1 || (i > 0 && isNameCharacter(text.charCodeAt(i - 1)))) continue;
    if (i >= jwtTriedTo && text.startsWith('eyJ', i)) {
      const end = jwtEnd(text, i);
      jwtTriedTo = Math.abs(end);
      if (end > 0) {
        sink([{ start: i, end }]);
        i = end - 1;
        continue;
      }
    }
    for (const shape of BY_FIRST.get(text.charAt(i)) ?? []) {
      if (!text.startsWith(shape.prefix, i)) continue;
      const end = shapeEnd(text, i + shape.prefix.length, shape);
      if (end < 0) continue;
      sink([{ start: i, end }]);
      hasAwsId ||= shape.alphabet === 'upper';
      i = end - 1;
      break;
    }
  }
  if (hasAwsId) scanAwsSecrets(text, sink);
  scanPrivateKeys(text, sink);
}

/** End of the token whose prefix ends at `from`, -1: it is none. */
function shapeEnd(text: string, from: number, shape: TokenShape): number {
  let end = from;
  while (end < text.length && inAlphabet(text.charCodeAt(end), shape.alphabet)) end++;
  if (shape.exact === true ? end - from !== shape.length : end - from < shape.length) return -1;
  return end;
}

/** End of three dotted base64url parts; negative: none, walked so far. */
function jwtEnd(text: string, from: number): number {
  let dots = 0;
  let partLength = 0;
  let i = from;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 && dots < 2 && partLength >= 4) {
      dots++;
      partLength = 0;
    } else if (inAlphabet(code, 'base64url')) partLength++;
    else break;
  }
  return dots === 2 ? i : -i;
}

/** A secret access key has no mark of its own: 40 characters of base64, looked for only beside an access key id. */
function scanAwsSecrets(text: string, sink: Sink): void {
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0;
    if (isAlphanumeric(code) || code === 43 || code === 47) continue;
    if (i - start === 40 && isMixed(text, start, i)) sink([{ start, end: i }]);
    start = i + 1;
  }
}

function isMixed(text: string, from: number, to: number): boolean {
  let upper = false;
  let small = false;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    upper ||= isUpper(code);
    small ||= isLower(code);
  }
  return upper && small;
}

/** `-----BEGIN … PRIVATE KEY-----` to its end, or to where the text stops being a key. */
function scanPrivateKeys(text: string, sink: Sink): void {
  let at = text.indexOf('-----BEGIN ');
  while (at >= 0) {
    const label = at + 11;
    const close = text.indexOf('-----', label);
    if (close < 0) return;
    if (close - label < 64 && text.slice(label, close).includes('PRIVATE KEY')) {
      let start = close + 5;
      while (start < text.length && isKeyFiller(text, start)) start += isBlank(text.charCodeAt(start)) ? 1 : 2;
      let end = start;
      while (end < text.length && isKeyBody(text.charCodeAt(end)) && !text.startsWith('-----', end)) end++;
      let last = end;
      while (last > start && isBlank(text.charCodeAt(last - 1))) last--;
      if (last - 2 >= start && text.startsWith('\\n', last - 2)) last -= 2;
      if (last > start && text.slice(start, last) !== REDACTED) sink([{ start, end: last }]);
      at = text.indexOf('-----BEGIN ', end);
    } else at = text.indexOf('-----BEGIN ', label);
  }
}

/** A line end, be it real or written as `\n`. */
function isKeyFiller(text: string, at: number): boolean {
  return isBlank(text.charCodeAt(at)) || text.startsWith('\\n', at) || text.startsWith('\\r', at);
}

/** base64, line ends, and the headers of an encrypted key (`Proc-Type: 4,ENCRYPTED`). */
function isKeyBody(code: number): boolean {
  return isAlphanumeric(code) || isBlank(code) || '+/=\\:,-'.includes(String.fromCharCode(code));
}

function inAlphabet(code: number, alphabet: Alphabet): boolean {
  switch (alphabet) {
    case 'alphanumeric':
      return isAlphanumeric(code);
    case 'upper':
      return isUpper(code) || isDigit(code);
    case 'name':
      return isNameCharacter(code);
    case 'base64url':
      return isNameCharacter(code) || code === 45;
    case 'dotted':
      return isNameCharacter(code) || code === 45 || code === 46;
  }
}

function shapes(prefixes: string, alphabet: Alphabet, length: number, exact = false): TokenShape[] {
  return prefixes.split(' ').map((prefix) => ({ prefix, alphabet, length, exact }));
}
