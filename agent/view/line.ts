/** A line of the terminal: pieces of text with a look each, cut to the width, then coloured or not. */

import { escapeText } from './escape.ts';

export type Look = 'plain' | 'strong' | 'dim' | 'good' | 'warn' | 'bad';

/** Made by `piece` alone, so that no text reaches a terminal unescaped. */
export interface Piece {
  /** Escaped already: one code point is one column. */
  readonly text: string;
  readonly look: Look;
}

/** Select Graphic Rendition: the eight colours that every terminal has, so that a person's own palette applies. */
const SGR: Readonly<Record<Look, string>> = { plain: '', strong: '1', dim: '2', good: '32', warn: '33', bad: '31' };

/** Whatever the text is and whoever chose it, it is safe to write afterwards. */
export function piece(text: string, look: Look = 'plain'): Piece {
  return { text: escapeText(text), look };
}

/** Code points; wide characters count one. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/**
 * One line of at most `width` code points. Where it doesn't fit, `main` is cut with `…` and `tail` stays whole, as long as
 * it leaves half of the line.
 */
export function fitLine(main: readonly Piece[], tail: readonly Piece[], width: number): Piece[] {
  const tailLength = lengthOfAll(tail);
  const room = Math.max(width - tailLength, Math.floor(width / 2));
  return cutPieces([...cutPieces(main, room), ...tail], width);
}

/** Whole pieces, as many a line as fit; those that follow are indented. What is longer than a line is cut. */
export function wrapPieces(pieces: readonly Piece[], width: number, indent: string): Piece[][] {
  const lines: Piece[][] = [];
  let line: Piece[] = [];
  for (const each of pieces) {
    if (line.length > 0 && lengthOfAll([...line, piece(each.text.trimEnd())]) > width) {
      lines.push(line);
      line = [piece(indent)];
    }
    // What begins a line has no need of the comma or blank that set it off.
    line.push(line.length === 1 && lines.length > 0 ? piece(each.text.replace(/^[,\s]+/, ''), each.look) : each);
  }
  if (line.length > 0) lines.push(line);
  return lines.map((each) => cutPieces(each, width));
}

/** Trailing blanks never reach the file or terminal. */
export function renderLine(pieces: readonly Piece[], color: boolean): string {
  if (!color) {
    return pieces
      .map((each) => each.text)
      .join('')
      .trimEnd();
  }
  return pieces
    .filter((each) => each.text !== '')
    .map(({ text, look }) => (SGR[look] === '' || text.trim() === '' ? text : `\u001b[${SGR[look]}m${text}\u001b[0m`))
    .join('');
}

function cutPieces(pieces: readonly Piece[], width: number): Piece[] {
  if (lengthOfAll(pieces) <= width) return [...pieces];
  const kept: Piece[] = [];
  let left = width - 1;
  for (const { text, look } of pieces) {
    const points = [...text];
    if (points.length <= left) {
      kept.push({ text, look });
      left -= points.length;
      continue;
    }
    kept.push({ text: `${points.slice(0, Math.max(0, left)).join('')}${width > 0 ? '…' : ''}`, look });
    break;
  }
  return kept;
}

/** Code points of all pieces. */
export function lengthOfAll(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, each) => sum + lengthOf(each.text), 0);
}
