/** What is needed of /proc/PID/stat. */
export interface ProcStat {
  /** Raw bytes; a process chooses them. */
  readonly comm: Buffer;
  readonly sid: number;
  /** Since boot, in units of 10 ms. */
  readonly startTicks: number;
  /** Addresses of its arguments; 0 where we may not know them. */
  readonly argStart: bigint;
  readonly argEnd: bigint;
}

/** proc(5): numbers of the fields behind the name. */
const SESSION = 6;
const START = 22;
const ARG_START = 48;
const ARG_END = 49;

/** Reads one; undefined if it is none. The name stands between the first and the last parenthesis, whatever is in it. */
export function parseStat(text: Buffer): ProcStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const fields = text
    .subarray(close + 2)
    .toString('latin1')
    .trim()
    .split(' ');
  // The state is the third field.
  const field = (number: number): string => fields[number - 3] ?? '';
  if (!/^\d{1,15}$/.test(field(START)) || !/^\d{1,10}$/.test(field(SESSION))) return undefined;
  const address = (number: number): bigint => BigInt(/^\d{1,20}$/.exec(field(number))?.[0] ?? 0);
  return {
    comm: text.subarray(open + 1, close),
    sid: Number(field(SESSION)),
    startTicks: Number(field(START)),
    argStart: address(ARG_START),
    argEnd: address(ARG_END),
  };
}
