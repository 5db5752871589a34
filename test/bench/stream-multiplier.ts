/** A recorded stream told again and again, each time later and by other processes. */

/** What changes from copy to copy; all the rest of a line stays. */
type Part = string | { readonly time: bigint } | { readonly pid: number } | { readonly log: LogText };

/** A log line names its process in text. */
interface LogText {
  readonly before: string;
  readonly pid: number;
  readonly after: string;
}

/** Pids of two copies are this far apart; a recorded story uses less. */
const PID_STRIDE = 2_000;
const PAUSE_NS = 1_000_000_000n;

const TIME = /"(?:ts|start|child_start|pstart|wall)":"(\d+)"/;
const PID = /"(?:pid|child|ppid|sid|pgid)":(\d+)/;
const CONN = /"conn":\[(\d+),"(\d+)"\]/;
const LOG = /"len":\d+,"data":"([0-9a-f]+)"/;
const CHANGING = new RegExp([TIME, PID, CONN, LOG].map(({ source }) => `(?:${source})`).join('|'), 'g');

function logText(hex: string): LogText | undefined {
  const text = Buffer.from(hex, 'hex').toString('latin1');
  const match = /^(<\d+>.{15} [a-z-]+\[)(\d+)(\]: .*)$/s.exec(text);
  return match === null ? undefined : { before: match[1] ?? '', pid: Number(match[2]), after: match[3] ?? '' };
}

function dissect(line: string): Part[] {
  const parts: Part[] = [];
  let done = 0;
  const take = (from: number, to: number, part: Part): void => {
    parts.push(line.slice(done, from), part);
    done = to;
  };
  for (const match of line.matchAll(CHANGING)) {
    const [all, time, pid, connPid, connStart, data] = match;
    const end = match.index + all.length;
    if (time !== undefined) take(end - 1 - time.length, end - 1, { time: BigInt(time) });
    else if (pid !== undefined) take(end - pid.length, end, { pid: Number(pid) });
    else if (connPid !== undefined && connStart !== undefined) {
      const pidAt = match.index + '"conn":['.length;
      take(pidAt, pidAt + connPid.length, { pid: Number(connPid) });
      take(end - 2 - connStart.length, end - 2, { time: BigInt(connStart) });
    } else if (data !== undefined && line.startsWith('{"k":"log"')) {
      const log = logText(data);
      if (log !== undefined) take(match.index, end, { log });
    }
  }
  parts.push(line.slice(done));
  return parts;
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

function render(part: Part, pidShift: number, timeShift: bigint): string {
  if (typeof part === 'string') return part;
  if ('time' in part) return String(part.time + timeShift);
  if ('pid' in part) return String(part.pid + pidShift);
  const { before, pid, after } = part.log;
  const text = `${before}${pid + pidShift}${after}`;
  return `"len":${text.length},"data":"${hex(text)}"`;
}

/** Makes copies of a recorded stream: `opening`, then any number of `copy`, then `ending`. */
export class StreamMultiplier {
  /** Records of one copy, each of which becomes one event. */
  readonly eventsPerCopy: number;
  readonly opening: Uint8Array;
  readonly openingEvents: number;
  readonly #lines: readonly (readonly Part[])[];
  readonly #spanNs: bigint;

  constructor(stream: Uint8Array) {
    const records = Buffer.from(stream)
      .toString('latin1')
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const isOpening = (line: string): boolean => /^\{"k":"(?:hello|seed-end)"/.test(line);
    const opening = records.filter(isOpening);
    const copied = records.filter((line) => !isOpening(line) && !line.startsWith('{"k":"end"'));
    const times = copied.map((line) => BigInt(/"ts":"(\d+)"/.exec(line)?.[1] ?? '0'));
    const sorted = times.toSorted((a, b) => Number(a - b));
    this.#spanNs = (sorted.at(-1) ?? 0n) - (sorted[0] ?? 0n) + PAUSE_NS;
    this.#lines = copied.map(dissect);
    this.eventsPerCopy = copied.length;
    this.opening = Buffer.from(`${opening.join('\n')}\n`, 'latin1');
    this.openingEvents = opening.length;
  }

  /** Copy number 0, 1, … */
  copy(number: number): Uint8Array {
    const pidShift = number * PID_STRIDE;
    const timeShift = BigInt(number) * this.#spanNs;
    const lines = this.#lines.map((parts) => parts.map((part) => render(part, pidShift, timeShift)).join(''));
    return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
  }
}
