/** Figures as people read them. */

/** `12.418s`: always seconds with three decimals, so that a column can be compared at a glance. */
export function secondsOf(ns: bigint): string {
  const ms = ((ns < 0n ? -ns : ns) + 500_000n) / 1_000_000n;
  return `${ns < 0n ? '-' : ''}${ms / 1000n}.${`${ms % 1000n}`.padStart(3, '0')}s`;
}

/** The same of an attribute in seconds. */
export function secondsText(seconds: number): string {
  return `${seconds.toFixed(3)}s`;
}

/** `1 program`, `2 programs`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `131,072`. */
export function grouped(value: number): string {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ',');
}
