/** The YAML file: read, checked against the table, each mistake told with its line. */
import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import type { z } from 'zod';
import { nearest } from './nearest.ts';
import { SETTING_NAMES, type SettingName, specOf } from './settings.ts';

/** A value from the file, and the line where it stands. */
export interface FileValue {
  readonly value: unknown;
  readonly line: number;
}

export interface ConfigFile {
  readonly values: ReadonlyMap<SettingName, FileValue>;
  /** `FILE:LINE: path: what was expected`. Values are not repeated: they may be secret. */
  readonly problems: readonly string[];
}

/** No sane file is longer; a wrong one, a log for instance, should not be parsed for minutes. */
const MAX_BYTES = 1024 * 1024;

/** Every section that the table knows, the outermost as ''. */
const SECTIONS: ReadonlySet<string> = new Set(
  SETTING_NAMES.flatMap((name) => {
    const parts = name.split('.');
    return parts.map((_part, i) => parts.slice(0, i).join('.'));
  }),
);

/** @param name of the file, for messages */
export function parseConfigFile(text: string, name: string): ConfigFile {
  if (text.length > MAX_BYTES) return { values: new Map(), problems: [`${name}: longer than ${MAX_BYTES} bytes`] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const reader = new Reader(name, lines);
  for (const fault of [...document.errors, ...document.warnings]) {
    reader.say(lines.linePos(fault.pos[0]).line, undefined, `no valid YAML: ${firstLine(fault.message)}`);
  }
  if (document.errors.length === 0) reader.section(document.contents, '', 1);
  return { values: reader.values, problems: reader.problems };
}

class Reader {
  readonly values = new Map<SettingName, FileValue>();
  readonly problems: string[] = [];
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  say(line: number, path: string | undefined, text: string): void {
    this.problems.push(`${this.#file}:${line}: ${path === undefined ? '' : `${path}: `}${text}`);
  }

  /** A section that is empty, or has all its lines commented out, says nothing. */
  section(node: unknown, path: string, line: number): void {
    if (node === null || (isScalar(node) && node.value === null)) return;
    if (!isMap(node)) return this.say(lineOf(node, this.#lines) ?? line, path || 'file', 'expected a section');
    for (const pair of node.items) {
      const keyLine = lineOf(pair.key, this.#lines) ?? line;
      const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
      if (key === undefined) {
        this.say(keyLine, path || 'file', 'expected a name');
        continue;
      }
      this.#entry(pair.value, path === '' ? key : `${path}.${key}`, keyLine, path);
    }
  }

  #entry(node: unknown, path: string, line: number, section: string): void {
    const setting = SETTING_NAMES.find((name) => name === path);
    if (setting !== undefined) this.#value(setting, node, line);
    else if (SECTIONS.has(path)) this.section(node, path, line);
    else this.say(line, clip(path), `no such key${suggestion(path, section)}`);
  }

  #value(name: SettingName, node: unknown, line: number): void {
    const spec = specOf(name);
    const value = isNode(node) ? (node.toJSON() as unknown) : null;
    const result = spec.schema.safeParse(value);
    if (result.success) this.values.set(name, { value: result.data, line });
    else for (const issue of result.error.issues) this.#issue(name, spec.expected, issue, node, line);
  }

  #issue(name: SettingName, expected: string, issue: z.core.$ZodIssue, node: unknown, line: number): void {
    const inside = issue.path.map(String);
    const path = clip([name, ...inside].join('.'));
    const at = lineInside(node, issue.path, this.#lines) ?? line;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const keyAt = lineInside(node, [...issue.path, key], this.#lines) ?? at;
        const near = nearest(key, PROGRAM_RULE_KEYS);
        this.say(keyAt, clip(`${path}.${key}`), `no such key${near === undefined ? '' : `; did you mean ${near}?`}`);
      }
    } else if (isNode(node) && !(isScalar(node) && node.value === null) && inside.length > 0) {
      this.say(at, path, `expected ${expectedInside(issue) ?? `(in ${name}) ${expected}`}`);
    } else {
      const got = node === null || (isScalar(node) && node.value === null) ? ', got nothing' : '';
      this.say(at, path, `expected ${expected}${got}`);
    }
  }
}

const PROGRAM_RULE_KEYS = [
  'names',
  'secret',
  'special',
  'plain',
  'flags',
  'positionals',
  'others',
  'keys',
  'command',
  'assignments',
];

/** What zod expected below a setting, where it can say it in few words. */
function expectedInside(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'invalid_type')
    return issue.expected === 'string' ? 'a text' : `a value of type ${issue.expected}`;
  if (issue.code === 'invalid_value')
    return issue.values
      .map(String)
      .join(', ')
      .replace(/, ([^,]*)$/, ' or $1');
  return undefined;
}

/** A name from the same section is likelier meant than one from elsewhere; one that was put in the wrong section is found too. */
function suggestion(path: string, section: string): string {
  const all = [...SETTING_NAMES, ...SECTIONS].filter((name) => name !== '');
  const prefix = section === '' ? '' : `${section}.`;
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const siblings = all.filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('.')).map(last);
  const near = nearest(last(path), siblings) ?? all.find((name) => last(name) === last(path)) ?? nearest(path, all);
  return near === undefined ? `; here may be ${siblings.join(', ')}` : `; did you mean ${near}?`;
}

function lineOf(node: unknown, lines: LineCounter): number | undefined {
  const offset = isNode(node) ? (node as Node).range?.[0] : undefined;
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

/** Line of what `path` leads to from a node; of the deepest part of it that exists. */
function lineInside(node: unknown, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let line = lineOf(node, lines);
  let at: unknown = node;
  for (const part of path) {
    if (isMap(at)) {
      const pair = (at as YAMLMap).items.find(
        (each) => isPair(each) && isScalar(each.key) && String(each.key.value) === String(part),
      );
      line = lineOf(pair?.key, lines) ?? line;
      at = pair?.value;
    } else if (typeof at === 'object' && at !== null && 'items' in at && Array.isArray(at.items)) {
      at = (at.items as unknown[])[Number(part)];
      line = lineOf(at, lines) ?? line;
    } else break;
  }
  return line;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function clip(path: string): string {
  return path.length > 128 ? `${path.slice(0, 128)}…` : path;
}
