import type { CommandContext } from './command.ts';
import { inspectCommand } from './command.ts';
import type { Sink } from './edits.ts';
import { scanPairs } from './pairs.ts';
import type { ShellCommand } from './shell-words.ts';
import { splitShellText } from './shell-words.ts';
import type { Word } from './word.ts';
import { markSecret, plainWord, sinkThrough } from './word.ts';

/** Command lines within command lines are followed so far; what is deeper is hidden whole, for nobody writes it by hand. */
const MAX_DEPTH = 6;

/** An open quote gives the text two readings; each of the three kinds of quotes can be open once. */
const MAX_READINGS = 3;

/** What is the same for a whole redactor. */
export type Rules = Pick<CommandContext, 'table' | 'keys'>;

/**
 * Looks into a word as into a shell command line. `certain`: it is one (`sh -c`), so what is too deep to be followed is
 * hidden; otherwise it only holds blanks and may be prose.
 */
export function inspectText(word: Word, rules: Rules, sink: Sink, certain: boolean, depth = 0): void {
  if (depth >= MAX_DEPTH) {
    if (certain) markSecret(word, 0, word.value.length, sink);
    return;
  }
  const inner = sinkThrough(word, sink);
  scanPairs(plainWord(word.value), inner, { colonOnly: true, keys: rules.keys });
  let from = 0;
  for (let reading = 0; reading < MAX_READINGS; reading++) {
    const text = from === 0 ? word.value : word.value.slice(from);
    const told = from === 0 ? inner : sinkThrough({ value: text, offset: from }, inner);
    const parsed = splitShellText(text);
    for (const command of parsed.commands) inspectShellCommand(command, rules, told, depth);
    for (const document of parsed.documents) inspectText(document, rules, told, false, depth + 1);
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
  const writer = command.pipedFrom?.words;
  const name = writer?.[0]?.value;
  if (writer === undefined || (name !== 'echo' && name !== 'printf')) return;
  // printf's format stands first; it is the secret itself if nothing follows.
  const first = name === 'printf' && writer.length > 2 ? 2 : 1;
  for (const word of writer.slice(first)) {
    if (name === 'echo' && (word.value === '-n' || word.value === '-e' || word.value === '-ne' || word.value === '-en'))
      continue;
    markLines(word, kind, sink);
  }
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
