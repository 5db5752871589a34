import type { RedactArgvOptions, RedactedArgs, RedactedText, Redactor } from '../redactor.ts';
import { isBlank, isOnePlainWord, lower } from './ascii.ts';
import { inspectCommand, programName } from './command.ts';
import type { Secret, Sink } from './edits.ts';
import { REDACTED, replaceSecrets } from './edits.ts';
import type { Rules } from './inspect-text.ts';
import { inspectText } from './inspect-text.ts';
import type { ProgramRule } from './program-rule.ts';
import { compileRules } from './program-rule.ts';
import { BUILT_IN_PROGRAMS } from './programs/built-in.ts';
import { scanTokens } from './token-shape.ts';
import type { Word } from './word.ts';
import { plainWord } from './word.ts';

/** `full` changes nothing, `redacted` replaces secrets, `names-only` keeps the names of programs and nothing else. */
export type RedactionMode = 'full' | 'redacted' | 'names-only';

export interface RedactionOptions {
  /** Default `redacted`. */
  readonly mode?: RedactionMode;
  /** The operator's own programs and options, in the notation of the built-in rules; they win over those. */
  readonly programs?: readonly ProgramRule[];
  /** More names of variables, options and fields that hold secrets, taken literally, capitals or not. */
  readonly keys?: readonly string[];
  /** Another mode for what these users run. */
  readonly perUser?: Readonly<Record<string, RedactionMode>>;
  /**
   * Another mode for these programs, by the base name that they are called by; wins over that of the user. `names-only`
   * also holds where another program or a shell line runs them, whatever its mode; the others only where they are the
   * command itself.
   */
  readonly perProgram?: Readonly<Record<string, RedactionMode>>;
}

/** What makes the value of `-p` before it a password, see `USER_OPTIONS`. */
const USER_OPTION = '-u';

/**
 * Secrets replaced in one pass may bring others to light that only now stand at the beginning of something. Real text
 * is done after one pass and one that finds nothing; the bound is for text made to provoke.
 */
const MAX_PASSES = 4;

/** Makes the redactor that the rules of this folder describe. Time and memory are linear in the length of the input. */
export function createRedactor(options: RedactionOptions = {}): Redactor {
  const programs = new Map(Object.entries(options.perProgram ?? {}));
  const rules: Rules = {
    table: compileRules([...BUILT_IN_PROGRAMS, ...(options.programs ?? [])]),
    keys: new Set((options.keys ?? []).map(lower)),
    hidden: new Set([...programs].filter(([, mode]) => mode === 'names-only').map(([name]) => name)),
  };
  const redactors = new Map<RedactionMode, Redactor>();
  const withMode = (mode: RedactionMode): Redactor => {
    const known = redactors.get(mode) ?? redactorWith(mode, rules, programs);
    redactors.set(mode, known);
    return known;
  };
  const users = new Map(Object.entries(options.perUser ?? {}));
  const mode = options.mode ?? 'redacted';
  if (users.size === 0) return withMode(mode);
  return { ...withMode(mode), forUser: (name) => withMode(users.get(name) ?? mode) };
}

function redactorWith(mode: RedactionMode, rules: Rules, programs: ReadonlyMap<string, RedactionMode>): Redactor {
  const modeOf = (file: string): RedactionMode => programs.get(programName(file)) ?? mode;
  return {
    argv: (args, argvOptions) => {
      const own = programs.size === 0 ? mode : modeOf(args[0] ?? '');
      if (own === 'full' && rules.hidden.size === 0) return { args: [...args], redacted: 0 };
      return redactArgs(args, rules, own, argvOptions);
    },
    text: (text) => {
      const own = programs.size === 0 ? mode : modeOf(firstWord(text));
      return own === 'full' && rules.hidden.size === 0 ? { text, redacted: 0 } : redactText(text, rules, own);
    },
  };
}

/** What is told in full still keeps the arguments of programs of which only the name is told. */
function sinkOf(mode: RedactionMode, take: (secret: Secret) => void): Sink {
  return (secret, named = false) => {
    if (mode !== 'full' || named) take(secret);
  };
}

function firstWord(text: string): string {
  let end = 0;
  while (end < text.length && !isBlank(text.charCodeAt(end))) end++;
  return text.slice(0, end);
}

function redactText(input: string, rules: Rules, mode: RedactionMode): RedactedText {
  const named = mode === 'names-only' ? nameOfText(input) : { text: input, redacted: 0 };
  let { text, redacted } = named;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const secrets: Secret[] = [];
    const sink: Sink = sinkOf(mode, (secret) => secrets.push(secret));
    scanTokens(text, sink);
    // Nothing else can be secret in the path of a program, and most texts are one.
    if (!isOnePlainWord(text)) inspectText(plainWord(text), rules, sink, true);
    if (secrets.length === 0) break;
    const replaced = replaceSecrets(text, secrets);
    if (replaced.text === text) break;
    text = replaced.text;
    redacted += replaced.count;
  }
  return { text, redacted };
}

function redactArgs(
  input: readonly string[],
  rules: Rules,
  mode: RedactionMode,
  { allowKeys = false, cut = false }: RedactArgvOptions = {},
): RedactedArgs {
  const args = [...input];
  let redacted = 0;
  for (let i = 1; mode === 'names-only' && i < args.length; i++) {
    if (args[i] !== REDACTED) redacted++;
    args[i] = REDACTED;
  }
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const secrets = isPlainCommand(args, rules) ? [] : findInArgs(args, rules, mode, cut);
    let changed = false;
    for (let i = 0; i < args.length; i++) {
      const arg = args[i] ?? '';
      const found = secrets[i] ?? [];
      if (!allowKeys && mode !== 'full') scanTokens(arg, (secret) => found.push(secret));
      if (found.length === 0) continue;
      const replaced = replaceSecrets(arg, found);
      changed ||= replaced.text !== arg;
      args[i] = replaced.text;
      redacted += replaced.count;
    }
    if (!changed) break;
  }
  return { args, redacted };
}

/** A program without rules and words that are no options: only a token among them can be secret. */
function isPlainCommand(args: readonly string[], rules: Rules): boolean {
  const name = programName(args[0] ?? '');
  if (rules.table.has(name) || rules.hidden.has(name)) return false;
  return args.every((arg, at) => isOnePlainWord(arg) && (at === 0 || !arg.startsWith('-')));
}

/** The secrets of each argument. The arguments stand in one row of offsets, which tells whose a secret is. */
function findInArgs(args: readonly string[], rules: Rules, mode: RedactionMode, cut: boolean): Secret[][] {
  const secrets: Secret[][] = [];
  const words: Word[] = [];
  let offset = 0;
  for (const value of args) {
    words.push(plainWord(value, offset));
    secrets.push([]);
    offset += value.length + 1;
  }
  // Nothing else behind an argument bears on it. It may stand for the value of the option before it, which does no harm.
  if (cut) words.push(plainWord(USER_OPTION, offset), plainWord('x', offset + USER_OPTION.length + 1));
  let index = 0;
  const sink: Sink = sinkOf(mode, (secret) => {
    const start = secret[0]?.start ?? 0;
    // Secrets come nearly in order, so the search from the last one is short.
    while (index > 0 && (words[index]?.offset ?? 0) > start) index--;
    while ((words[index + 1]?.offset ?? offset) <= start && index + 1 < words.length) index++;
    const base = words[index]?.offset ?? 0;
    secrets[index]?.push(secret.map((run) => ({ start: run.start - base, end: run.end - base })));
  });
  inspectCommand(words, { ...rules, sink, script: (word, certain) => inspectText(word, rules, sink, certain) });
  return secrets;
}

/** The first word and no more: `/bin/ls -l x` → `/bin/ls REDACTED`. An assignment before the program hides the program too. */
function nameOfText(text: string): RedactedText {
  const first = firstWord(text);
  const end = first.length;
  const name = first.includes('=') ? REDACTED : first;
  const result = end === text.length || (name === REDACTED && first !== REDACTED) ? name : `${name} ${REDACTED}`;
  return { text: result, redacted: result === text ? 0 : 1 };
}
