/**
 * What takes secrets out of text that a user chose, before it goes anywhere. The rules live in `redact/`; the rest of the
 * stage knows only this interface.
 */
import { decodeUtf8 } from './text.ts';

export interface RedactedArgs {
  /** As many elements as went in, in the same order. */
  readonly args: string[];
  /** How many secrets were replaced. */
  readonly redacted: number;
}

export interface RedactedText {
  readonly text: string;
  /** How many secrets were replaced. */
  readonly redacted: number;
}

export interface RedactArgvOptions {
  /**
   * The arguments hold public keys by design (an AuthorizedKeysCommand gets the offered key by `%k`): rules that take
   * anything shaped like a key or a fingerprint for a secret don't apply. Default false.
   */
  readonly allowKeys?: boolean;
  /** More arguments follow, which nobody will be told: whatever they might prove is taken as proven. Default false. */
  readonly cut?: boolean;
}

export interface Redactor {
  /** A whole argument vector, `argv[0]` first. */
  argv(args: readonly string[], options?: RedactArgvOptions): RedactedArgs;
  /** A command line or other text. */
  text(s: string): RedactedText;
  /** The redactor for what this login user runs; absent: there is one for all. */
  forUser?(name: string): Redactor;
}

/** The redactor for what a login user runs. @param name as sshd knows it; absent: nobody is in */
export function redactorFor(redactor: Redactor, name: Uint8Array | undefined): Redactor {
  return name === undefined ? redactor : (redactor.forUser?.(decodeUtf8(name)) ?? redactor);
}

/** Changes nothing: for tests. What an operator sets to `full` is made by `createRedactor`. */
export const noRedaction: Redactor = {
  argv: (args) => ({ args: [...args], redacted: 0 }),
  text: (text) => ({ text, redacted: 0 }),
};
