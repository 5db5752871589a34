/** Longest text of a collector that goes into a line of ours. */
const MAX_CHARACTERS = 200;

/**
 * Text from the network made fit for a log line: one line, no control, escape or direction characters, at most
 * 200 characters. A collector, or whoever answers in its place, is not trusted with an operator's terminal.
 */
export function printable(text: string): string {
  const clean = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const characters = [...clean];
  return characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS).join('')}…` : clean;
}

/** A URL without user, password and query: those may hold secrets. */
export function printableUrl(url: string): string {
  const parsed = new URL(url);
  return printable(`${parsed.protocol}//${parsed.host}${parsed.pathname}`);
}
