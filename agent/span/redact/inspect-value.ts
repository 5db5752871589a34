import { hasBlank } from './ascii.ts';
import type { Sink } from './edits.ts';
import { isPath, scanPairs } from './pairs.ts';
import { scanPhrases } from './phrases.ts';
import type { ProgramTable, ValueKind } from './program-rule.ts';
import { scanUrls } from './url-password.ts';
import type { Word } from './word.ts';
import { markSecret } from './word.ts';

/** What looking into a command needs: the rules, where secrets go, and how to look into a command line in an argument. */
export interface CommandContext {
  readonly table: ProgramTable;
  /** More names that hold secrets, in small letters. */
  readonly keys: ReadonlySet<string>;
  /** Programs of which only the name is told. */
  readonly hidden: ReadonlySet<string>;
  readonly sink: Sink;
  /** Looks into a word that is, or may be, a shell command line. */
  readonly script: (word: Word, certain: boolean) => void;
}

/** Marks what is secret in a value that begins at `from` of a word. */
export function inspectValue(word: Word, from: number, kind: ValueKind, context: CommandContext): void {
  const { value } = word;
  const { sink } = context;
  switch (kind) {
    case 'secret':
      if (value.length !== from + 1 || !value.endsWith('-')) markSecret(word, from, value.length, sink);
      return;
    case 'secret-unless-path':
      if (!isPath(value, from)) markSecret(word, from, value.length, sink);
      return;
    case 'after-colon':
      if (value.endsWith(':') && value.indexOf(':', from) === value.length - 1 && value.length - from > 16) {
        // A token in the user's place, without a password.
        markSecret(word, from, value.length - 1, sink);
      } else markAfter(word, from, ':', sink);
      return;
    case 'after-percent':
      markAfter(word, from, '%', sink);
      return;
    case 'after-comma':
      markAfter(word, from, ',', sink);
      return;
    case 'after-equals':
      markAfter(word, from, '=', sink);
      return;
    case 'pattern':
      scanPairs(word, sink, { keys: context.keys, delimiters: '/|#' });
      return;
    case 'user-info':
      markUserInfo(word, from, context);
      return;
    case 'oracle':
      markOracle(word, from, sink);
      return;
    case 'login':
      if (value.indexOf('=', from) < 0) markSecret(word, from, value.length, sink);
      else inspectValue(word, from, 'pair', context);
      return;
    case 'cookie':
      if (value.indexOf('=', from) >= 0) markSecret(word, from, value.length, sink);
      return;
    case 'source':
      if (value.startsWith('pass:', from)) markSecret(word, from + 5, value.length, sink);
      return;
    case 'pair':
      scanUrls(word, sink);
      scanPairs(from === 0 ? word : tail(word, from), sink, { whole: true, keys: context.keys });
      return;
    case 'header':
      scanPairs(from === 0 ? word : tail(word, from), sink, { keys: context.keys, header: true });
      return;
    case 'script':
      context.script(from === 0 ? word : tail(word, from), true);
      return;
    case 'prose':
    case 'flag':
      return;
    case 'plain':
    case 'command':
      inspectAny(from === 0 ? word : tail(word, from), context);
  }
}

/** An argument nothing is known about: URLs, pairs, and a command line if it holds blanks. */
export function inspectAny(word: Word, context: CommandContext): void {
  scanUrls(word, context.sink);
  scanPairs(word, context.sink, { keys: context.keys });
  if (!hasBlank(word.value)) return;
  scanPhrases(word, context.sink);
  context.script(word, false);
}

/** `domain/user:SECRET@host`, `domain/user:SECRET` */
function markUserInfo(word: Word, from: number, context: CommandContext): void {
  const { value } = word;
  const colon = value.indexOf(':', from);
  const at = value.lastIndexOf('@');
  const slash = value.indexOf('/', from);
  if (value.includes('://')) inspectAny(word, context);
  else if (colon >= 0 && at > colon) markSecret(word, colon + 1, at, context.sink);
  else if (slash >= 0 && colon > slash && at < 0) markSecret(word, colon + 1, value.length, context.sink);
  else inspectAny(word, context);
}

/** `user/SECRET@database` */
function markOracle(word: Word, from: number, sink: Sink): void {
  const { value } = word;
  const slash = value.indexOf('/', from);
  if (slash <= from || value.startsWith('.', from)) return;
  const at = value.indexOf('@', slash);
  if (at >= 0 || from === 0) markSecret(word, slash + 1, at < 0 ? value.length : at, sink);
}

function markAfter(word: Word, from: number, separator: string, sink: Sink): void {
  const at = word.value.indexOf(separator, from);
  if (at >= 0) markSecret(word, at + 1, word.value.length, sink);
}

/** A word without its beginning. */
function tail(word: Word, from: number): Word {
  const filled =
    word.filled === undefined ? undefined : new Set([...word.filled].filter((i) => i >= from).map((i) => i - from));
  return {
    value: word.value.slice(from),
    offset: word.offset + from,
    starts: word.starts?.slice(from),
    ends: word.ends?.slice(from),
    filled,
  };
}
