import { readFileSync } from 'node:fs';

/** Version of this program. Read when the program starts: an agent that has given up its rights may no longer be able to. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version?: unknown };
  return typeof version === 'string' ? version : '0.0.0';
}
