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

/** Takes the secrets as they are found; they may overlap. */
export type Sink = (secret: Secret) => void;

/** Replaces the secrets. `count` is what changed; a secret that already reads `REDACTED` is none. */
export function replaceSecrets(text: string, secrets: readonly Secret[]): { text: string; count: number } {
  const pieces: { start: number; end: number; word: boolean }[] = [];
  for (const secret of secrets) {
    for (let i = 0; i < secret.length; i++) {
      const run = secret[i];
      if (run !== undefined && run.end > run.start) pieces.push({ start: run.start, end: run.end, word: i === 0 });
    }
  }
  if (pieces.length === 0) return { text, count: 0 };
  pieces.sort((a, b) => a.start - b.start || b.end - a.end);
  const output: string[] = [];
  let copied = 0;
  let count = 0;
  let i = 0;
  while (i < pieces.length) {
    const first = pieces[i];
    if (first === undefined) break;
    let { end, word } = first;
    // Stretches that touch become one: two words side by side would read as a new value the next time.
    for (i++; i < pieces.length; i++) {
      const next = pieces[i];
      if (next === undefined || next.start > end) break;
      end = Math.max(end, next.end);
      word ||= next.word;
    }
    const old = text.slice(first.start, end);
    if (old === REDACTED) continue;
    output.push(text.slice(copied, first.start), word ? REDACTED : '');
    copied = end;
    if (word) count++;
  }
  output.push(text.slice(copied));
  return { text: output.join(''), count };
}
