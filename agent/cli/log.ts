import { escapeText } from '../view/escape.ts';
import type { CommandContext } from './command.ts';

/** Lines for people on standard error. What they hold of strangers' text is escaped. */
export type Log = (level: 'info' | 'warn', text: string) => void;

export function createLog(context: Pick<CommandContext, 'stderr'>): Log {
  return (level, text) => {
    context.stderr.write(`sshd-otel: ${level === 'warn' ? 'warning: ' : ''}${escapeText(text)}\n`);
  };
}
