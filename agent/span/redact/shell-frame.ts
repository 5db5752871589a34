import type { Word } from './word.ts';

/** One simple command of a command line, with what is known of its standard input. */
export interface ShellCommand {
  readonly words: Word[];
  /** Here-strings and here-documents. */
  readonly input: Word[];
  /** The commands whose output it reads through a pipe: one, or those of a group in parentheses. */
  readonly pipedFrom: readonly ShellCommand[];
}

/** A word being put together. `wanted` tells what a redirection before it makes of it. */
export interface Builder {
  value: string[];
  starts: number[];
  ends: number[];
  filled: Set<number> | undefined;
}

export type Wanted = 'word' | 'file' | 'here-string' | 'here-document';

/** A command list: the text itself, or the inside of `$(…)` or of backquotes, where the outer word waits. */
export interface Frame {
  readonly closer: ')' | '`' | undefined;
  /** Offset of the `$(` in the outer text. */
  readonly opened: number;
  command: { words: Word[]; input: Word[]; pipedFrom: readonly ShellCommand[] };
  /** How many commands there were when each open parenthesis came. */
  readonly groups: number[];
  /** The commands of the group that was closed last. */
  closed: readonly ShellCommand[];
  builder: Builder | undefined;
  wanted: Wanted;
  /** Where a double quote is open, -1: nowhere. */
  doubleQuote: number;
}

export function newFrame(closer: ')' | '`' | undefined, opened: number): Frame {
  const command = { words: [], input: [], pipedFrom: [] };
  return { closer, opened, command, groups: [], closed: [], builder: undefined, wanted: 'word', doubleQuote: -1 };
}
