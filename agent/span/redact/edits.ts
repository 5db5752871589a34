/** The word that stands for a secret; the same that OpenTelemetry's `url.full` uses. */
export const REDACTED = 'REDACTED';

/** Offsets of a stretch of text, `end` excluded. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * One secret: the stretches of text that make it up. There are several when shell quotes stand between them; the quotes
 * stay, the first stretch becomes the word, the others go, so that the line still splits as it did.
 */
export type Secret = readonly Run[];

/** Takes the secrets as they are found; they may overlap. `named`: what a program does of which only the name is told. */
export type Sink = (secret: Secret, named?: boolean) => void;

/** A stretch of one secret on its way to be replaced. */
interface Piece extends Run {
  readonly secret: number;
  /** The first of its secret: the word stands in its place. */
  readonly first: boolean;
}

/**
 * Replaces the secrets. `count` is how many changed; one that already reads `REDACTED` is none. Stretches that touch become
 * one: two words side by side would read as a new value the next time.
 */
export function replaceSecrets(text: string, secrets: readonly Secret[]): { text: string; count: number } {
  if (secrets.length === 0) return { text, count: 0 };
  const pieces = sortedPieces(secrets);
  const output: string[] = [];
  const kept = new Set<number>();
  const shortened = new Set<number>();
  let copied = 0;
  let count = 0;
  for (let i = 0; i < pieces.length; ) {
    const from = i;
    const start = pieces[i]?.start ?? 0;
    let end = start;
    let word = false;
    for (; i < pieces.length; i++) {
      const piece = pieces[i];
      if (piece === undefined || (i > from && piece.start > end)) break;
      end = Math.max(end, piece.end);
      word ||= piece.first;
    }
    const same = word && text.slice(start, end) === REDACTED;
    if (!same) {
      output.push(text.slice(copied, start), word ? REDACTED : '');
      copied = end;
    }
    if (word && !same) count++;
    else for (const piece of pieces.slice(from, i)) (same ? kept : shortened).add(piece.secret);
  }
  output.push(text.slice(copied));
  for (const secret of shortened) if (kept.has(secret)) count++;
  return { text: output.join(''), count };
}

function sortedPieces(secrets: readonly Secret[]): Piece[] {
  const pieces: Piece[] = [];
  secrets.forEach((runs, secret) => {
    runs.forEach(({ start, end }, i) => {
      if (end > start) pieces.push({ start, end, secret, first: i === 0 });
    });
  });
  return pieces.sort((a, b) => a.start - b.start || b.end - a.end);
}
