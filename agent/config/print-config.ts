/** The settings in force, for people: one line each, with where it came from. Secrets are masked. */
import type { Config, InForce } from './config.ts';
import { specOf } from './settings.ts';

const MASK = '***';

export function printConfig(config: Config): string {
  const rows = config.entries().map((entry) => [`${entry.name}:`, shown(entry), `# ${entry.source}`] as const);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => Math.min(row[column]?.length ?? 0, 48))));
  return rows
    .map(([name, value, source]) => `${name.padEnd(widths[0] ?? 0)} ${value.padEnd(widths[1] ?? 0)} ${source}\n`)
    .join('');
}

function shown({ name, value }: InForce): string {
  const { secret, fallbackText } = specOf(name);
  if (value === undefined) return fallbackText === undefined ? '(none)' : `(${fallbackText})`;
  if (secret === 'url') return maskUrl(String(value));
  if (secret === 'all' || (secret === 'values' && typeof value !== 'object')) return MASK;
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? quoted(value) : String(value);
  if (secret !== 'values') return JSON.stringify(value);
  const masked = Object.keys(value).map((key) => [key, MASK]);
  return JSON.stringify(Object.fromEntries(masked));
}

/** As YAML would take it back. */
function quoted(text: string): string {
  return /^[A-Za-z/][A-Za-z0-9_./-]*$/.test(text) ? text : JSON.stringify(text);
}

/** User, password and query may be credentials. */
function maskUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  const user = url.username === '' && url.password === '' ? '' : `${MASK}@`;
  return quoted(`${url.protocol}//${user}${url.host}${url.pathname}${url.search === '' ? '' : `?${MASK}`}`);
}
