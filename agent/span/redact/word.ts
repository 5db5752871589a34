import type { Run, Secret, Sink } from './edits.ts';
import { REDACTED } from './edits.ts';

/**
 * One argument as the program gets it, and where its characters stand in the text it came from: either one for one from
 * `offset` on, or character by character where quotes and escapes stand between.
 */
export interface Word {
  readonly value: string;
  readonly offset: number;
  readonly starts?: readonly number[] | undefined;
  readonly ends?: readonly number[] | undefined;
  /** Indexes of characters that stand for something that the shell fills in (`$NAME`, `$(…)`): not a secret by itself. */
  readonly filled?: ReadonlySet<number> | undefined;
}

/** A word whose characters stand in the text one for one. */
export function plainWord(value: string, offset = 0): Word {
  return { value, offset };
}

/** Where the characters `from`..`to` of a word stand in its text. */
export function runsOf(word: Word, from: number, to: number): Run[] {
  const { starts, ends } = word;
  if (starts === undefined || ends === undefined) return [{ start: word.offset + from, end: word.offset + to }];
  const runs: Run[] = [];
  let start = -1;
  let end = -1;
  for (let i = from; i < to; i++) {
    const nextStart = starts[i] ?? end;
    if (nextStart !== end) {
      if (start >= 0) runs.push({ start, end });
      start = nextStart;
    }
    end = ends[i] ?? nextStart;
  }
  if (start >= 0) runs.push({ start, end });
  return runs;
}

/** Tells that the characters `from`..`to` are a secret, unless there is nothing to hide in them. */
export function markSecret(word: Word, from: number, to: number, sink: Sink, named = false): void {
  if (to <= from) return;
  if (to - from === REDACTED.length && word.value.startsWith(REDACTED, from)) return;
  if (word.filled !== undefined && allFilled(word.value, word.filled, from, to)) return;
  sink(runsOf(word, from, to), named);
}

/** A sink for secrets found in a word's value, which is itself a text: tells them to the sink of the word's text. */
export function sinkThrough(word: Word, sink: Sink): Sink {
  return (secret: Secret, named) => {
    const { filled } = word;
    if (filled !== undefined && secret.every((run) => allFilled(word.value, filled, run.start, run.end))) return;
    const outer: Run[] = [];
    for (const run of secret) for (const piece of runsOf(word, run.start, run.end)) outer.push(piece);
    sink(outer, named);
  };
}

/** `$A`, `$A $B`, `$A:$B`: nothing in it was written out. */
function allFilled(value: string, filled: ReadonlySet<number>, from: number, to: number): boolean {
  let any = false;
  for (let i = from; i < to; i++) {
    if (filled.has(i)) any = true;
    else if (!' :/'.includes(value.charAt(i))) return false;
  }
  return any;
}
