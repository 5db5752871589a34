/** Medians, spreads, verdicts and tables. */

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new RangeError('no values');
  return value;
}

export function median(values: readonly number[]): number {
  const half = values.length / 2;
  return values.length % 2 === 1 ? quantile(values, 0.5) : (quantile(values, 0.5) + nth(values, half - 1)) / 2;
}

function nth(values: readonly number[], index: number): number {
  return [...values].sort((a, b) => a - b)[index] ?? Number.NaN;
}

export function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** Of one row of rounds: the middle, and how far the rounds lie from it (median of the distances). */
export interface Figure {
  readonly median: number;
  readonly spread: number;
  readonly rounds: number;
}

export function figure(values: readonly number[]): Figure {
  const middle = median(values);
  return { median: middle, spread: median(values.map((value) => Math.abs(value - middle))), rounds: values.length };
}

/** `x1.02 ±0.03` */
export function ratio({ median: middle, spread }: Figure): string {
  return `x${middle.toFixed(2)} ±${spread.toFixed(2)}`;
}

/** For a value that must not exceed `goal`: what can be said of it. */
export function verdict({ median: value, spread, rounds }: Figure, goal: number): string {
  if (rounds < 3) return `cannot tell (${rounds} round${rounds === 1 ? '' : 's'})`;
  if (value + spread <= goal) return 'met';
  if (value - spread > goal) return 'MISSED';
  return `cannot tell (± ${spread >= 10 ? spread.toFixed(0) : Number(spread.toPrecision(2))})`;
}

/** Rows of equal length as a table in Markdown, the first is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...body.map(line)].join('\n');
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The value of `--NAME VALUE`, else `fallback`. @throws RangeError if it is no whole number above 0 */
export function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number above 0`);
  return value;
}

export function flag(name: string): boolean {
  return process.argv.includes(`--${name}`);
}
