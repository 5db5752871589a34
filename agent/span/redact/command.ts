import { hasBlank, isNameCharacter, lower } from './ascii.ts';
import { COMMON_OPTIONS, isPlainName, isPort, namesStdin, USER_OPTIONS } from './common-options.ts';
import type { CommandContext } from './inspect-value.ts';
import { inspectAny, inspectValue } from './inspect-value.ts';
import { isHarmless, isSecretHeader } from './pairs.ts';
import type { OptionRule, Program } from './program-rule.ts';
import { findOption } from './program-rule.ts';
import { isSecretKey } from './secret-key.ts';
import type { Word } from './word.ts';
import { markSecret } from './word.ts';

/** What was learnt of a command that matters for its standard input. */
export interface CommandInput {
  readonly kind: 'secret' | 'after-colon' | undefined;
}

/**
 * Finds the secrets among the words of one command: assignments before it, then the program's options and arguments by
 * its rule, then, if it runs a command (`sudo`, `env`, `timeout 5`, …), that one's, and so on. Each word is looked at once.
 */
export function inspectCommand(words: readonly Word[], context: CommandContext): CommandInput {
  let at = 0;
  while (at < words.length) {
    const word = words[at];
    if (word === undefined || !isAssignment(word.value)) break;
    inspectValue(word, 0, 'pair', context);
    at++;
  }
  at += cronFields(words, at);
  let input: CommandInput = { kind: undefined };
  while (at < words.length) {
    const inspection = new ProgramInspection(words, at, context);
    at = inspection.run();
    input = { kind: input.kind ?? inspection.input() };
  }
  return input;
}

/** One program with its options and arguments. */
class ProgramInspection {
  private readonly words: readonly Word[];
  private context: CommandContext;
  private at: number;
  private name: string;
  private program: Program | undefined;
  private positionals = 0;
  private subcommands = true;
  private readonly given = new Set<string>();
  /** An option said that a secret comes by standard input. */
  private readsSecret = false;
  /** Of a program that no rule knows: the value of its `-p`, and whether it was told a user's name. */
  private guess: Word | undefined;
  private toldUser = false;

  constructor(words: readonly Word[], at: number, context: CommandContext) {
    this.words = words;
    this.context = context;
    this.at = at;
    this.name = programName(words[at]?.value ?? '');
    this.setProgram(context.table.get(this.name));
  }

  private setProgram(program: Program | undefined): void {
    this.program = program;
    if (program === undefined || program.keys.length === 0) return;
    this.context = { ...this.context, keys: new Set([...this.context.keys, ...program.keys]) };
  }

  /** Inspects up to where a command within the command begins; returns where, or the number of words. */
  run(): number {
    const { words } = this;
    const first = words[this.at];
    if (first !== undefined) inspectAny(first, this.context);
    this.at++;
    if (this.context.hidden.has(this.name)) {
      for (const word of words.slice(this.at)) markSecret(word, 0, word.value.length, this.context.sink, true);
      return words.length;
    }
    if (first !== undefined) this.afterColon(first);
    let ended = false;
    while (this.at < words.length) {
      const word = words[this.at];
      if (word === undefined) break;
      const rule = this.program?.rule;
      if (!ended && word.value === '--') {
        ended = true;
        this.at++;
        if (rule?.dashes === true) return this.at;
      } else if (!ended && word.value.length > 1 && word.value.startsWith('-')) {
        if (this.option(word)) return this.at;
      } else if (this.prefixed(word)) this.at++;
      else if (rule?.assignments === true && isAssignment(word.value)) {
        inspectValue(word, 0, 'pair', this.context);
        this.at++;
      } else if (this.positional(word)) return this.at;
    }
    return words.length;
  }

  /** What the program reads from its standard input. */
  input(): 'secret' | 'after-colon' | undefined {
    const rule = this.program?.rule;
    if (this.readsSecret) return 'secret';
    if (rule?.input === undefined) return undefined;
    return rule.inputIf === undefined || rule.inputIf.split(' ').some((o) => this.given.has(o))
      ? rule.input
      : undefined;
  }

  /** Handles an option and its value; true: a command begins at `this.at`. */
  private option(word: Word): boolean {
    const { value } = word;
    this.at++;
    const exact = findOption(this.program, value);
    if (exact !== undefined) {
      if (this.given.size < 64) this.given.add(value);
      return exact.kind !== 'flag' && !exact.attachedOnly && this.nextValue(exact);
    }
    const equals = value.indexOf('=');
    if (equals > 0) {
      const named = findOption(this.program, value.slice(0, Math.min(equals, 128)));
      if (named !== undefined && named.kind !== 'flag') {
        inspectValue(word, equals + 1, named.kind, this.context);
        return false;
      }
    }
    if (this.prefixed(word)) return false;
    if (!value.startsWith('--') && this.program !== undefined && this.program.rule.oneDash !== true) {
      const handled = this.cluster(word);
      if (handled !== undefined) return handled;
    }
    if (this.program?.rule.others === 'prose') return false;
    if (this.program === undefined && this.unknownOption(word)) return false;
    if (value.startsWith('--') && namesStdin(value)) this.readsSecret = true;
    if (equals < 0 && value.length > 3 && this.isSecretOption(value)) {
      const next = this.words[this.at];
      if (next !== undefined && !next.value.startsWith('-')) {
        if (!isHarmless(next.value, 0, next.value.length, value))
          markSecret(next, 0, next.value.length, this.context.sink);
        this.at++;
      }
      return false;
    }
    if (this.given.size < 64) this.given.add(value);
    inspectAny(word, this.context);
    return false;
  }

  /** Options that mean the same to many programs; true: the value was dealt with. */
  private unknownOption(word: Word): boolean {
    const next = this.words[this.at];
    if (next === undefined || next.value.startsWith('-')) return false;
    const { value } = word;
    const kind = COMMON_OPTIONS.get(value.startsWith('--') ? value.slice(1) : value);
    if (kind !== undefined) {
      inspectValue(next, 0, kind, this.context);
      this.at++;
      return true;
    }
    if (USER_OPTIONS.has(value)) this.toldUser = true;
    else if (value === '-p') this.guess = next;
    // `tool -u bob -p x`: with a user's name beside it, -p is a password unless it can't be one.
    if (this.guess === undefined || !this.toldUser) return false;
    const guess = this.guess;
    this.guess = undefined;
    if (!isPort(guess.value) && !guess.value.includes('/')) markSecret(guess, 0, guess.value.length, this.context.sink);
    return false;
  }

  private isSecretOption(option: string): boolean {
    return isSecretKey(option) || this.context.keys.has(lower(option.slice(option.startsWith('--') ? 2 : 1)));
  }

  /** `-abc` as `-a -b -c`; undefined: none of its letters is known. */
  private cluster(word: Word): boolean | undefined {
    const { value } = word;
    for (let i = 1; i < value.length && i < 16; i++) {
      const letter = `-${value.charAt(i)}`;
      this.given.add(letter);
      const known = findOption(this.program, letter);
      if (known === undefined || known.kind === 'flag') continue;
      if (i + 1 < value.length) {
        inspectValue(word, i + 1, known.kind, this.context);
        return false;
      }
      return !known.attachedOnly && this.nextValue(known);
    }
    return undefined;
  }

  private nextValue(option: OptionRule): boolean {
    const next = this.words[this.at];
    if (next === undefined) return false;
    // `ssh host sh -c 'mysql -px'` arrives as `sh -c mysql -px`: what follows is not mysql's, but was meant to be.
    if (option.kind === 'command' || (option.kind === 'script' && !hasBlank(next.value))) return true;
    inspectValue(next, 0, option.kind, this.context);
    this.at++;
    return false;
  }

  private prefixed(word: Word): boolean {
    for (let program = this.program; program !== undefined; program = program.parent) {
      for (const prefix of program.prefixes) {
        if (!word.value.startsWith(prefix)) continue;
        inspectValue(word, prefix.length, 'secret', this.context);
        return true;
      }
    }
    return false;
  }

  /** Handles an argument that is no option; true: it is the beginning of a command. */
  private positional(word: Word): boolean {
    // A program that has subcommands is in the table itself.
    if (this.subcommands && this.program !== undefined && word.value.length < 64) {
      const name = `${this.name} ${lower(word.value)}`;
      const subcommand = this.context.table.get(name);
      if (subcommand !== undefined) {
        this.name = name;
        this.setProgram(subcommand);
        this.at++;
        return false;
      }
    }
    this.subcommands = false;
    const rule = this.program?.rule;
    if (rule?.command !== undefined && this.positionals >= rule.command) return true;
    const known = rule?.positionals?.find(
      (p) => p.at === this.positionals && (p.if === undefined || p.if.split(' ').some((o) => this.given.has(o))),
    );
    const kind = known?.kind ?? rule?.others ?? 'plain';
    inspectValue(word, 0, kind, this.context);
    this.positionals++;
    this.at++;
    if (kind !== 'prose') this.afterColon(word);
    if (this.isNamed() && word.value.length > 3 && isSecretKey(word.value)) this.nextIsSecret();
    return false;
  }

  private isNamed(): boolean {
    for (let program = this.program; program !== undefined; program = program.parent) {
      if (program.rule.named === true) return true;
    }
    return false;
  }

  /** `password: x` and `Authorization: Bearer x` as words of their own. */
  private afterColon(word: Word): void {
    const { value } = word;
    if (!value.endsWith(':') || value.length > 64) return;
    const name = value.slice(0, -1);
    if (!isPlainName(name)) return;
    const header = isSecretHeader(lower(name));
    if (!header && !isSecretKey(name) && !this.context.keys.has(lower(name))) return;
    if (header && this.at + 1 < this.words.length) this.at++;
    this.nextIsSecret();
  }

  private nextIsSecret(): void {
    const next = this.words[this.at];
    if (next === undefined || next.value.startsWith('-')) return;
    if (!isHarmless(next.value, 0, next.value.length, '')) markSecret(next, 0, next.value.length, this.context.sink);
    this.at++;
  }
}

/** How many words are the five fields of a crontab's line: `0 3 * * *`. */
function cronFields(words: readonly Word[], from: number): number {
  if (words.length < from + 6) return 0;
  for (const word of words.slice(from, from + 5)) {
    if (word.value.length > 32) return 0;
    for (const character of word.value) if (!'0123456789*/,-'.includes(character)) return 0;
  }
  return 5;
}

/** `/usr/bin/mysql` → `mysql`; `-bash`, a login shell, → `bash`; `mysql.exe` → `mysql`. */
export function programName(file: string): string {
  let start = file.lastIndexOf('/') + 1;
  if (start === 0 && file.startsWith('-')) start = 1;
  const end = file.endsWith('.exe') ? file.length - 4 : file.length;
  return file.slice(start, Math.min(end, start + 64));
}

/** `NAME=…`, `NAME+=…`, as a shell takes it before a command. */
function isAssignment(value: string): boolean {
  let i = 0;
  while (i < value.length && isNameCharacter(value.charCodeAt(i))) i++;
  if (i === 0) return false;
  return value.charCodeAt(i) === 61 || (value.charCodeAt(i) === 43 && value.charCodeAt(i + 1) === 61);
}
