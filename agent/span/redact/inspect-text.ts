import { inspectCommand } from './command.ts';
import type { Sink } from './edits.ts';
import type { CommandContext } from './inspect-value.ts';
import { scanPairs } from './pairs.ts';
import { scanPhrases } from './phrases.ts';
import type { ShellCommand } from './shell-frame.ts';
import { splitShellText } from './shell-words.ts';
import type { Word } from './word.ts';
import { markSecret, sinkThrough } from './word.ts';

/** Command lines within command lines are followed so far; what is deeper is hidden whole, for nobody writes it by hand. */
const MAX_DEPTH = 6;

/** An open quote gives the text two readings; each of the three kinds of quotes can be open once. */
const MAX_READINGS = 3;

/** What is the same for a whole redactor. */
export type Rules = Pick<CommandContext, 'table' | 'keys' | 'hidden'>;

/**
 * Looks into a word as into a shell command line. `certain`: it is one (`sh -c`), so what is too deep to be followed is
 * hidden; otherwise it only holds blanks and may be prose.
 */
export function inspectText(word: Word, rules: Rules, sink: Sink, certain: boolean, depth = 0): void {
  if (depth >= MAX_DEPTH) {
    // Whichever program it runs.
    if (certain) markSecret(word, 0, word.value.length, sink, true);
    return;
  }
  const inner = sinkThrough(word, sink);
  let from = 0;
  for (let reading = 0; reading < MAX_READINGS; reading++) {
    const text = from === 0 ? word.value : word.value.slice(from);
    const told = from === 0 ? inner : sinkThrough({ value: text, offset: from }, inner);
    const parsed = splitShellText(text);
    let asked = false;
    for (const command of parsed.commands) {
      inspectShellCommand(command, rules, told, depth);
      asked = answersExpect(command, asked, told);
    }
    for (const document of parsed.documents) {
      scanPairs(document, told, { keys: rules.keys });
      scanPhrases(document, told);
      inspectText(document, rules, told, false, depth + 1);
    }
    // A quote without its partner: a line that was cut, or an apostrophe. Both readings count.
    if (parsed.openQuote === undefined) break;
    from += parsed.openQuote;
  }
}

function inspectShellCommand(command: ShellCommand, rules: Rules, sink: Sink, depth: number): void {
  const { kind } = inspectCommand(command.words, {
    ...rules,
    sink,
    script: (word, certain) => inspectText(word, rules, sink, certain, depth + 1),
  });
  if (kind === undefined) return;
  for (const word of command.input) markLines(word, kind, sink);
  for (const writer of command.pipedFrom) markWritten(writer.words, kind, sink);
}

/** Hides what `echo` or `printf` writes into a program that reads secrets. */
function markWritten(words: readonly Word[], kind: 'secret' | 'after-colon', sink: Sink): void {
  const name = words[0]?.value;
  if (name !== 'echo' && name !== 'printf' && name !== 'yes') return;
  // printf's format stands first; it is the secret itself if nothing follows.
  let first = name === 'printf' && words.length > 2 ? 2 : 1;
  while (name === 'echo' && ECHO_OPTIONS.has(words[first]?.value ?? '')) first++;
  const written = words.slice(first);
  // printf '%s:%s' name password
  const split = name === 'printf' && kind === 'after-colon' && !written.some((word) => word.value.includes(':'));
  for (const word of split ? written.slice(-1) : written) markLines(word, split ? 'secret' : kind, sink);
}

const ECHO_OPTIONS = new Set(['-n', '-e', '-ne', '-en', '-E']);

/**
 * expect's `send` after it waited for a prompt for a password; returns whether this command waits for one.
 * expect(1): the text for `send` ends with `\r`.
 */
function answersExpect(command: ShellCommand, asked: boolean, sink: Sink): boolean {
  const [program, ...rest] = command.words;
  if (program?.value === 'expect')
    return rest.some((word) => word.value.includes('assword') || word.value.includes('assphrase'));
  const last = rest.at(-1);
  if (!asked || program?.value !== 'send' || last === undefined) return false;
  const { value } = last;
  markSecret(last, 0, value.endsWith('\\r') || value.endsWith('\\n') ? value.length - 2 : value.length, sink);
  return false;
}

/** Hides what a program reads from its input, line by line; `\n` as echo and printf take it ends a line too. */
function markLines(word: Word, kind: 'secret' | 'after-colon', sink: Sink): void {
  const { value } = word;
  let start = 0;
  while (start <= value.length) {
    let end = start;
    let colon = -1;
    for (; end < value.length && value.charCodeAt(end) !== 10 && !value.startsWith('\\n', end); end++) {
      if (colon < 0 && value.charCodeAt(end) === 58) colon = end;
    }
    if (kind === 'secret') markSecret(word, start, end, sink);
    else if (colon >= 0) markSecret(word, colon + 1, end, sink);
    start = end + (value.charCodeAt(end) === 10 ? 1 : 2);
  }
}
