/** The rows that are replayed: stories recorded on families that no package offers. */
import type { CellResult } from './results.ts';

export function replayedCells(): CellResult[] {
  return [];
}
