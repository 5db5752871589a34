/**
 * What the value of an option or argument holds.
 * - `secret` all of it; `plain` nothing known, looked at like any argument; `prose` a text for people, not looked at
 * - `after-colon` `after-percent` `after-comma` `after-equals`: what follows the first such character (`user:SECRET`)
 * - `pair` `KEY=value`, the value to its end; `header` `Name: value`; `cookie` `name=value; …`
 * - `pattern` like `plain`, but a `/` ends a value, as in sed's `s/…/password=x/`
 * - `user-info` `user:SECRET@host` without a scheme; `oracle` `user/SECRET@database`
 * - `login` a token, or `KEY=value`
 * - `source` openssl's `pass:SECRET`, which may also name a file or a variable
 * - `secret-unless-path` a key, or the name of its file
 * - `script` a shell command line; `command` this and all that follows is a command
 * - `flag` no value at all, although the name looks as if
 */
export type ValueKind =
  | 'secret'
  | 'plain'
  | 'prose'
  | 'after-colon'
  | 'after-percent'
  | 'after-comma'
  | 'after-equals'
  | 'pair'
  | 'header'
  | 'cookie'
  | 'pattern'
  | 'user-info'
  | 'oracle'
  | 'login'
  | 'source'
  | 'secret-unless-path'
  | 'script'
  | 'command'
  | 'flag';

/**
 * What is known of one program, or of one subcommand (`docker login`). Lists are separated by spaces. Options are written
 * `-p` (value attached or in the next argument), `-p*` (attached only), `--password` (behind `=` or in the next argument),
 * `--password=` (behind `=` only), `/p:` (a prefix).
 */
export interface ProgramRule {
  readonly names: string;
  /** Options whose value is a secret. */
  readonly secret?: string;
  /** Options whose value is something else that needs a look: kind → options. */
  readonly special?: Readonly<Partial<Record<ValueKind, string>>>;
  /** Options with a value that is no secret: needed to find where arguments begin, and to read `-abc` as `-a -b -c`. */
  readonly plain?: string;
  /** Options without a value that look as if they had a secret one. */
  readonly flags?: string;
  /** Arguments that are no options, counted from 0 behind the subcommand; `if` names an option that must have been given. */
  readonly positionals?: readonly { readonly at: number; readonly kind: ValueKind; readonly if?: string }[];
  /** Kind of every other argument. */
  readonly others?: ValueKind;
  /** An argument that reads like the name of a secret is followed by its value (`aws configure set …`). */
  readonly named?: boolean;
  /** More names that hold secrets in this program's pairs. */
  readonly keys?: string;
  /** So many arguments are followed by a command with arguments of its own (`sudo` 0, `timeout` 1). */
  readonly command?: number;
  /** What follows `--` is a command. */
  readonly dashes?: boolean;
  /** `KEY=value` arguments before the command are variables of its environment. */
  readonly assignments?: boolean;
  /** Standard input is a secret: all of it, or what follows the first colon of each line; `inputIf` must have been given. */
  readonly input?: 'secret' | 'after-colon';
  readonly inputIf?: string;
  /** Options of many letters have one dash (`openssl -passin`): `-abc` is not `-a -b -c`. */
  readonly oneDash?: boolean;
}

export interface OptionRule {
  readonly kind: ValueKind;
  readonly attachedOnly: boolean;
}

/** A rule made ready for look-ups. */
export interface Program {
  readonly rule: ProgramRule;
  readonly options: ReadonlyMap<string, OptionRule>;
  readonly prefixes: readonly string[];
  readonly keys: readonly string[];
  /** The program whose subcommand this is. */
  readonly parent: Program | undefined;
}

export type ProgramTable = ReadonlyMap<string, Program>;

/** Makes rules ready. A later rule of the same name adds to and wins over an earlier one. */
export function compileRules(rules: readonly ProgramRule[]): ProgramTable {
  const table = new Map<string, Program>();
  for (const rule of rules) {
    for (const name of list(rule.names, ',')) {
      const earlier = table.get(name);
      const options = new Map(earlier?.options);
      const prefixes = [...(earlier?.prefixes ?? [])];
      if (rule.oneDash === true)
        prefixes.push(...list(rule.secret ?? '', ' ').flatMap((o) => (o.endsWith('*') ? [o.slice(0, -1)] : [])));
      addOptions(options, prefixes, rule.secret, 'secret');
      addOptions(options, prefixes, rule.plain, 'plain');
      addOptions(options, prefixes, rule.flags, 'flag');
      for (const [kind, names] of Object.entries(rule.special ?? {}))
        addOptions(options, prefixes, names, kind as ValueKind);
      const keys = [...(earlier?.keys ?? []), ...list(rule.keys ?? '', ' ')];
      table.set(name, { rule: { ...earlier?.rule, ...rule }, options, prefixes, keys, parent: parentOf(name, table) });
    }
  }
  return table;
}

/** The program that a subcommand belongs to, made empty where no rule names it. */
function parentOf(name: string, table: Map<string, Program>): Program | undefined {
  const space = name.lastIndexOf(' ');
  if (space < 0) return undefined;
  const parentName = name.slice(0, space);
  const known = table.get(parentName);
  if (known !== undefined) return known;
  const parent = {
    rule: { names: parentName },
    options: new Map(),
    prefixes: [],
    keys: [],
    parent: parentOf(parentName, table),
  };
  table.set(parentName, parent);
  return parent;
}

/** What a program's option means, its parent's options included. */
export function findOption(program: Program | undefined, option: string): OptionRule | undefined {
  return program === undefined ? undefined : (program.options.get(option) ?? findOption(program.parent, option));
}

function addOptions(
  options: Map<string, OptionRule>,
  prefixes: string[],
  names: string | undefined,
  kind: ValueKind,
): void {
  for (const name of list(names ?? '', ' ')) {
    if (name.endsWith(':')) prefixes.push(name);
    else if (name.endsWith('*') || (name.endsWith('=') && name.length > 1)) {
      options.set(name.slice(0, -1), { kind, attachedOnly: true });
    } else options.set(name, { kind, attachedOnly: false });
  }
}

function list(names: string, separator: string): string[] {
  return names
    .split(separator)
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
