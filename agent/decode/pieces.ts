/** Part of a value at its place. */
export interface Piece {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** By place, then longest first, then by content: the same pieces in any order join to the same value. */
function comparePieces(a: Piece, b: Piece): number {
  if (a.offset !== b.offset) return a.offset - b.offset;
  if (a.data.length !== b.data.length) return b.data.length - a.data.length;
  for (let at = 0; at < a.data.length; at++) {
    const difference = (a.data[at] as number) - (b.data[at] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The value from its start up to the first hole; `head` is what the head record held. Pieces may overlap. */
export function joinPieces(head: Uint8Array, pieces: readonly Piece[]): Uint8Array {
  const sorted = pieces.toSorted(comparePieces);
  const parts: Uint8Array[] = [head];
  let length = head.length;
  for (const { offset, data } of sorted) {
    if (offset > length) break;
    if (offset + data.length <= length) continue;
    const fresh = data.subarray(length - offset);
    parts.push(fresh);
    length += fresh.length;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
