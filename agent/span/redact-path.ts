import type { RedactedText, Redactor } from './redactor.ts';

/** The path of a file that somebody worked on: data like an argument, and no name of a program. */
export function redactPath(redactor: Redactor, path: string): RedactedText {
  const { args, redacted } = redactor.argv(['', path]);
  return { text: args[1] ?? '', redacted };
}
