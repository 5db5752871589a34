import { isNameCharacter } from './ascii.ts';
import type { ValueKind } from './program-rule.ts';
import { isSecretKey, splitName } from './secret-key.ts';

/** Options that carry `user:SECRET` in programs that no rule knows, without their second dash. */
export const COMMON_OPTIONS: ReadonlyMap<string, ValueKind> = new Map([
  ...['-auth', '-basic-auth', '-credentials', '-credential', '-creds', '-cred', '-proxy-auth', '-userpwd'].map(
    (name) => [name, 'after-colon'] as const,
  ),
  ['-dsn', 'user-info'],
  ['-bearer', 'secret'],
]);

/** Options that tell a user's name. */
export const USER_OPTIONS = new Set(['-u', '-U', '--user', '--username', '--login', '-user', '-username', '-login']);

/** `--password-stdin`, `--token-from-stdin`: its name is about a secret and about standard input. */
export function namesStdin(option: string): boolean {
  if (option.length > 40 || !option.includes('stdin')) return false;
  const parts = splitName(option);
  return (
    parts.includes('stdin') &&
    isSecretKey(parts.filter((part) => part !== 'stdin' && part !== 'from' && part !== 'on').join('-'))
  );
}

/** `22`, `80:80`, `1000-2000`: digits and what stands between numbers of ports or processes. */
export function isPort(value: string): boolean {
  for (const character of value) if (!'0123456789:,-.'.includes(character)) return false;
  return true;
}

/** A name as variables, fields and headers have it, and no piece of another language. */
export function isPlainName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (!isNameCharacter(code) && code !== 45 && code !== 46) return false;
  }
  return name.length > 0;
}
