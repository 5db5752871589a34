import { parseArgs } from 'node:util';
import { nearest } from './nearest.ts';
import { ConfigError, type OptionSpec, type PositionalSpec } from './option.ts';

/** The checked command line of one command. Reading an option that its table does not have is an error of ours. */
export class Flags {
  readonly #specs: ReadonlyMap<string, OptionSpec>;
  readonly #given: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];

  constructor(specs: readonly OptionSpec[], given: ReadonlyMap<string, string>, positionals: readonly string[]) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#given = given;
    this.positionals = positionals;
  }

  flag(name: string): boolean {
    return this.text(name) !== undefined;
  }

  /** The value, or the option's fallback. */
  text(name: string): string | undefined {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new Error(`no option --${name} in this command's table`);
    return this.#given.get(name) ?? spec.fallback;
  }

  /** The value if the option was given, by its kind; its fallback does not count. */
  given(name: string): string | number | boolean | undefined {
    const spec = this.#specs.get(name);
    const text = this.#given.get(name);
    if (spec === undefined || text === undefined) return undefined;
    if (spec.kind === 'flag') return true;
    return spec.kind === 'integer' ? Number(text) : text;
  }

  integer(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  choice<T extends string>(name: string, choices: readonly T[]): T {
    const text = this.text(name);
    const choice = choices.find((each) => each === text);
    if (choice === undefined) throw new Error(`--${name} has none of the values ${choices.join(', ')}`);
    return choice;
  }
}

/**
 * Reads a command line, without the command's own name.
 * @throws ConfigError with every mistake at once
 */
export function parseFlags(
  argv: readonly string[],
  specs: readonly OptionSpec[],
  positionals: readonly PositionalSpec[],
): Flags {
  const known = new Map(specs.map((spec) => [spec.name, spec]));
  const options = Object.fromEntries(
    specs.map((spec) => [spec.name, { type: spec.kind === 'flag' ? ('boolean' as const) : ('string' as const) }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const problems: string[] = [];
  const given = new Map<string, string>();
  const rest: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') rest.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = known.get(token.name);
    const problem = spec === undefined ? unknownOption(token.rawName, specs) : wrongValue(spec, token);
    if (problem !== undefined) problems.push(problem);
    else if (given.has(token.name)) problems.push(`${token.rawName}: given twice`);
    given.set(token.name, token.value ?? '');
  }
  const missing = positionals.filter((spec, i) => spec.optional !== true && rest[i] === undefined);
  for (const spec of missing) problems.push(`${spec.name}: missing (${spec.help})`);
  for (const extra of rest.slice(positionals.length)) problems.push(`${JSON.stringify(extra)}: one argument too many`);
  if (problems.length > 0) throw new ConfigError(problems);
  return new Flags(specs, given, rest);
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function unknownOption(rawName: string, specs: readonly OptionSpec[]): string {
  const names = specs.filter((spec) => spec.internal !== true).map((spec) => `--${spec.name}`);
  const near = nearest(rawName, names);
  return `${rawName}: no such option${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function wrongValue(spec: OptionSpec, token: OptionToken): string | undefined {
  const { rawName, value, inlineValue } = token;
  if (spec.kind === 'flag') return value === undefined ? undefined : `${rawName}: takes no value`;
  const expected = expectation(spec);
  if (value === undefined || value === '') return `${rawName}: expected ${expected}`;
  if (inlineValue !== true && value.length > 1 && value.startsWith('-'))
    return `${rawName}: expected ${expected}, got the option ${value} (write ${rawName}=${value} if it is meant so)`;
  const fits =
    spec.kind === 'integer' ? isWithin(value, spec) : spec.kind === 'choice' ? spec.choices?.includes(value) : true;
  return fits === true ? undefined : `${rawName}: expected ${expected}, got ${JSON.stringify(value.slice(0, 64))}`;
}

function expectation(spec: OptionSpec): string {
  if (spec.kind === 'integer')
    return `a whole number from ${spec.least ?? 0} to ${spec.most ?? Number.MAX_SAFE_INTEGER}`;
  if (spec.kind === 'choice') return (spec.choices ?? []).join(', ').replace(/, ([^,]*)$/, ' or $1');
  return spec.value ?? 'a value';
}

function isWithin(text: string, spec: OptionSpec): boolean {
  const number = Number(text);
  return /^\d+$/.test(text) && number >= (spec.least ?? 0) && number <= (spec.most ?? Number.MAX_SAFE_INTEGER);
}
