import { endsShellWord, isDigit, isNameCharacter, isShellSpecial } from './ascii.ts';
import type { Builder, Frame, ShellCommand } from './shell-frame.ts';
import { newFrame } from './shell-frame.ts';
import type { Word } from './word.ts';
import { plainWord } from './word.ts';

/** Substitutions within substitutions are followed so far; a deeper one is text like any other. */
const MAX_FRAMES = 32;

/** So many commands of a group are kept as writers into a pipe; the cost of nested groups stays bounded. */
const MAX_GROUP = 16;

export interface ShellText {
  readonly commands: readonly ShellCommand[];
  /** Here-documents, to be looked into as text of their own. */
  readonly documents: readonly Word[];
  /** Offset behind a quote that is never closed (a line that was cut, or an apostrophe in prose). */
  readonly openQuote?: number | undefined;
}

/**
 * Splits text as a POSIX shell would (with bash's `<<<`, `$'…'`, `<(…)`): one pass, an explicit stack, so the time is linear
 * whatever the text. Nothing is expanded: `$NAME` and `$(…)` stand as one character marked as filled in, the commands inside
 * `$(…)` are told as commands of their own. What is no valid shell text still gives words.
 */
export function splitShellText(text: string): ShellText {
  return new Splitter(text).split();
}

class Splitter {
  private readonly text: string;
  private readonly commands: ShellCommand[] = [];
  private readonly documents: Word[] = [];
  private readonly frames: Frame[] = [];
  private frame: Frame;
  private pending: { delimiter: string; input: Word[] }[] = [];
  private openQuote = -1;
  private at = 0;

  constructor(text: string) {
    this.text = text;
    this.frame = newFrame(undefined, 0);
  }

  split(): ShellText {
    const { text } = this;
    while (this.at < text.length) {
      if (this.frame.doubleQuote >= 0) this.insideQuotes(text.charCodeAt(this.at));
      else this.outside(text.charCodeAt(this.at));
    }
    for (;;) {
      if (this.frame.doubleQuote >= 0) this.noteOpenQuote(this.frame.doubleQuote);
      this.endCommand(false);
      const outer = this.frames.pop();
      if (outer === undefined) break;
      this.closeFrame(outer, text.length);
    }
    return {
      commands: this.commands,
      documents: this.documents,
      openQuote: this.openQuote < 0 ? undefined : this.openQuote,
    };
  }

  private insideQuotes(code: number): void {
    const { text, at } = this;
    if (code === 34) {
      this.frame.doubleQuote = -1;
      this.at++;
    } else if (code === 92 && at + 1 < text.length && '$`"\\\n'.includes(text.charAt(at + 1))) {
      if (text.charCodeAt(at + 1) !== 10) this.put(text.charAt(at + 1), at, at + 2);
      this.at += 2;
    } else if (code === 36) this.dollar();
    else if (code === 96) this.backquote();
    else this.literal();
  }

  private outside(code: number): void {
    const { text, at, frame } = this;
    switch (code) {
      case 10:
        this.endCommand(false);
        this.at++;
        this.readDocuments();
        return;
      case 0:
      case 9:
      case 13:
      case 32:
        this.endWord();
        this.at++;
        return;
      case 59: // ;
        this.endCommand(false);
        this.at++;
        return;
      case 40: // (
        this.endCommand(false);
        frame.groups.push(this.commands.length);
        this.at++;
        return;
      case 41: // )
        this.endCommand(false);
        this.at++;
        if (frame.groups.length > 0)
          frame.closed = this.commands.slice(Math.max(frame.groups.pop() ?? 0, this.commands.length - MAX_GROUP));
        else if (frame.closer === ')') this.leave();
        return;
      case 38: // &
        this.at++;
        if (text.charCodeAt(at + 1) === 62) return; // &> is a redirection
        this.endCommand(false);
        return;
      case 124: // |
        this.endCommand(text.charCodeAt(at + 1) !== 124);
        this.at += text.charCodeAt(at + 1) === 124 || text.charCodeAt(at + 1) === 38 ? 2 : 1;
        return;
      case 60:
      case 62:
        this.redirection(code);
        return;
      case 35: // #
        if (frame.builder !== undefined) {
          this.literal();
          return;
        }
        while (this.at < text.length && text.charCodeAt(this.at) !== 10) this.at++;
        return;
      case 34:
        this.builder();
        frame.doubleQuote = at;
        this.at++;
        return;
      case 39:
        this.singleQuotes(at + 1, false);
        return;
      case 36:
        this.dollar();
        return;
      case 96:
        this.backquote();
        return;
      case 92:
        this.builder();
        if (at + 1 < text.length && text.charCodeAt(at + 1) !== 10) this.put(text.charAt(at + 1), at, at + 2);
        this.at += 2;
        return;
      default:
        if (frame.builder === undefined) this.plainWord();
        else this.literal();
    }
  }

  /** The usual word, which stands in the text as it is; one with quotes or the like is put together by characters. */
  private plainWord(): void {
    const { text, at } = this;
    let end = at + 1;
    while (end < text.length && !isShellSpecial(text.charCodeAt(end))) end++;
    if (end < text.length && !endsShellWord(text.charCodeAt(end))) {
      for (; this.at < end; this.at++) this.put(text.charAt(this.at), this.at, this.at + 1);
      return;
    }
    this.addWord(plainWord(text.slice(at, end), at));
    this.at = end;
  }

  private literal(): void {
    this.put(this.text.charAt(this.at), this.at, this.at + 1);
    this.at++;
  }

  /** `from`: behind the quote. In `$'…'` a backslash takes the next character with it. */
  private singleQuotes(from: number, escapes: boolean): void {
    const { text } = this;
    this.builder();
    let i = from;
    for (; i < text.length && text.charCodeAt(i) !== 39; i++) {
      if (escapes && text.charCodeAt(i) === 92 && i + 1 < text.length) {
        this.put(text.charAt(i + 1) === 'n' ? '\n' : text.charAt(i + 1), i, i + 2);
        i++;
      } else this.put(text.charAt(i), i, i + 1);
    }
    if (i >= text.length) this.noteOpenQuote(from - 1);
    this.at = i + 1;
  }

  private dollar(): void {
    const { text, at, frame } = this;
    const next = text.charCodeAt(at + 1);
    if (next === 40) {
      this.enter(')', 2);
      return;
    }
    if (frame.doubleQuote < 0 && next === 39) {
      this.singleQuotes(at + 2, true);
      return;
    }
    if (next === 123) {
      const close = this.braceEnd(at + 2);
      this.fill(at, close);
      this.at = close;
      return;
    }
    let end = at + 1;
    if (isDigit(next) || (next > 0 && '@*#?!$-'.includes(text.charAt(at + 1)))) end++;
    else while (end < text.length && isNameCharacter(text.charCodeAt(end))) end++;
    if (end === at + 1) {
      this.literal();
      return;
    }
    this.fill(at, end);
    this.at = end;
  }

  /** `${NAME}` and no more: `${NAME:-default}` holds text that may be a secret, so only its `${` is skipped. */
  private braceEnd(from: number): number {
    let end = from;
    while (end < this.text.length && isNameCharacter(this.text.charCodeAt(end))) end++;
    return this.text.charCodeAt(end) === 125 ? end + 1 : from;
  }

  private backquote(): void {
    if (this.frame.closer === '`' && this.frame.doubleQuote < 0) {
      this.endCommand(false);
      this.at++;
      this.leave();
    } else this.enter('`', 1);
  }

  private redirection(code: number): void {
    const { text, at, frame } = this;
    const next = text.charAt(at + 1);
    if (next === '(') {
      this.enter(')', 2);
      return;
    }
    // `2>`
    if (frame.builder !== undefined && allDigits(frame.builder.value)) frame.builder = undefined;
    this.endWord();
    if (code === 60 && next === '<') {
      const third = text.charAt(at + 2);
      frame.wanted = third === '<' ? 'here-string' : 'here-document';
      this.at += third === '<' || third === '-' ? 3 : 2;
      return;
    }
    frame.wanted = 'file';
    this.at += next === '>' || next === '&' || next === '|' ? 2 : 1;
  }

  /** Here-documents announced on the line that just ended. */
  private readDocuments(): void {
    const { text } = this;
    for (const { delimiter, input } of this.pending) {
      const start = this.at;
      let end = text.length;
      while (this.at < text.length) {
        const newline = text.indexOf('\n', this.at);
        const lineEnd = newline < 0 ? text.length : newline;
        const lineStart = this.at;
        this.at = newline < 0 ? text.length : newline + 1;
        if (lineEnd - lineStart < delimiter.length + 64 && text.slice(lineStart, lineEnd).trim() === delimiter) {
          end = lineStart;
          break;
        }
      }
      const document = plainWord(text.slice(start, end), start);
      input.push(document);
      this.documents.push(document);
    }
    this.pending = [];
  }

  private enter(closer: ')' | '`', length: number): void {
    if (this.frames.length >= MAX_FRAMES) {
      this.literal();
      return;
    }
    this.builder();
    this.frames.push(this.frame);
    this.frame = newFrame(closer, this.at);
    this.at += length;
  }

  private leave(): void {
    const outer = this.frames.pop();
    if (outer !== undefined) this.closeFrame(outer, this.at);
  }

  private closeFrame(outer: Frame, end: number): void {
    const { opened } = this.frame;
    this.frame = outer;
    this.fill(opened, end);
  }

  private builder(): Builder {
    this.frame.builder ??= { value: [], starts: [], ends: [], filled: undefined };
    return this.frame.builder;
  }

  private put(character: string, start: number, end: number): void {
    const builder = this.builder();
    builder.value.push(character);
    builder.starts.push(start);
    builder.ends.push(end);
  }

  private fill(start: number, end: number): void {
    const builder = this.builder();
    builder.filled ??= new Set();
    builder.filled.add(builder.value.length);
    this.put('$', start, end);
  }

  private endWord(): void {
    const { frame } = this;
    const { builder } = frame;
    if (builder === undefined) return;
    frame.builder = undefined;
    this.addWord({
      value: builder.value.join(''),
      offset: 0,
      starts: builder.starts,
      ends: builder.ends,
      filled: builder.filled,
    });
  }

  private addWord(word: Word): void {
    const { frame } = this;
    const { wanted, command } = frame;
    frame.wanted = 'word';
    if (wanted === 'word') command.words.push(word);
    else if (wanted === 'here-string') command.input.push(word);
    else if (wanted === 'here-document') this.pending.push({ delimiter: word.value, input: command.input });
    // A file's name may be a process substitution or carry a URL; it is looked at as a word of no program.
    else if (word.value.length > 0) this.commands.push({ words: [plainWord(''), word], input: [], pipedFrom: [] });
  }

  private endCommand(piped: boolean): void {
    this.endWord();
    const { frame } = this;
    const { command } = frame;
    frame.wanted = 'word';
    const empty = command.words.length === 0 && command.input.length === 0;
    if (!empty) this.commands.push(command);
    const writers = empty ? frame.closed : [command];
    frame.closed = [];
    frame.command = { words: [], input: [], pipedFrom: piped ? writers : [] };
  }

  private noteOpenQuote(at: number): void {
    if (this.openQuote < 0 || at + 1 < this.openQuote) this.openQuote = at + 1;
  }
}

function allDigits(value: readonly string[]): boolean {
  return value.length > 0 && value.length < 4 && value.every((c) => isDigit(c.charCodeAt(0)));
}
