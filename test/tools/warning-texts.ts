import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const AGENT = join(import.meta.dirname, '..', '..', 'agent');
/** Places where the text of a warning begins. Of `faults` only those of a stream are warnings; others are mistakes in settings. */
const BEGINNINGS = /(?:log\(\s*'warn',|warnings\.push\(|STREAM faults\.push\(|#sayNone\()\s*(['`])/g;
/** Shorter pieces would be found anywhere. */
const LEAST_CHARACTERS = 12;

/** A warning that the program can print, by its longest part that never varies. */
export interface WarningText {
  readonly file: string;
  readonly part: string;
}

/** Every warning in the agent's source whose text is written where it is logged. */
export function warningTexts(): WarningText[] {
  return readdirSync(AGENT, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(join(AGENT, file), 'utf8');
      const marked = file.endsWith('stream-faults.ts')
        ? source.replaceAll('faults.push(', 'STREAM faults.push(')
        : source;
      return [...marked.matchAll(BEGINNINGS)].flatMap((match) => {
        const parts = fixedParts(marked.slice(match.index + match[0].length), match[1] ?? '`');
        const longest = parts.sort((a, b) => b.length - a.length)[0] ?? '';
        return longest.length < LEAST_CHARACTERS ? [] : [{ file, part: longest }];
      });
    });
}

/** What stands between the holes of a literal that begins here. */
function fixedParts(text: string, quote: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length && text[i] !== quote; i++) {
    if (quote === '`' && text.startsWith('${', i)) {
      parts.push(part.trim());
      part = '';
      let depth = 0;
      for (; i < text.length; i++) {
        if (text[i] === '{') depth++;
        if (text[i] === '}' && --depth === 0) break;
      }
    } else part += text[i];
  }
  return [...parts, part.trim()].map((each) => each.replace(/^[\s;:,.)(]+|[\s;:,(]+$/g, ''));
}
