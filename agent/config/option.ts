/** What an option of the command line is, for the parser and for the help text alike. */
export interface OptionSpec {
  /** Long name, without the dashes. */
  readonly name: string;
  readonly kind: 'flag' | 'text' | 'integer' | 'choice';
  /** What stands for the value in the help text, for instance `FILE`. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** Range of an integer. */
  readonly least?: number;
  readonly most?: number;
  /** Used where the option is not given; said in the help text. */
  readonly fallback?: string;
  /** One sentence without a full stop, or several with `; ` between them. */
  readonly help: string;
  /** Not in the help text: only this program itself uses it. */
  readonly internal?: true;
}

/** An argument without a name. */
export interface PositionalSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: true;
}

/** All that is wrong with what a person asked for; each entry names the place and says what was expected. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
