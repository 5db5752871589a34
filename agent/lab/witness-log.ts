/** What the laboratory's processes told the system log, kept as it comes. */

/** One datagram that was sent to /dev/log. */
export interface LogLine {
  /** Unix time at which it was read, ms: not before it was sent. */
  readonly receivedMs: number;
  /** Program and pid as the sender wrote them; absent if it is not in that form. */
  readonly program?: string | undefined;
  readonly pid?: number | undefined;
  /** Text behind the header, raw bytes read as UTF-8. */
  readonly text: string;
}

const HEADER = /^<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([^\s[\]:]+)(?:\[(\d{1,10})\])?: /;

/** Reads `<38>Jan  2 03:04:05 sshd[123]: text`. */
export function parseLogLine(datagram: Uint8Array, receivedMs: number): LogLine {
  const whole = Buffer.from(datagram)
    .toString('utf8')
    .replace(/[\n\0]+$/, '');
  const header = HEADER.exec(whole);
  if (header === null) return { receivedMs, text: whole };
  const pid = header[2] === undefined ? undefined : Number(header[2]);
  return { receivedMs, program: header[1], pid, text: whole.slice(header[0].length) };
}

interface Waiter {
  readonly matches: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
}

/** The lines so far, and a way to wait for one. */
export class WitnessLog {
  private readonly all: LogLine[] = [];
  private waiters: Waiter[] = [];

  add(line: LogLine): void {
    this.all.push(line);
    const met = this.waiters.filter((waiter) => waiter.matches(line));
    this.waiters = this.waiters.filter((waiter) => !met.includes(waiter));
    for (const waiter of met) waiter.resolve(line);
  }

  lines(): readonly LogLine[] {
    return this.all;
  }

  /** The first line, past or to come, whose text matches. @throws Error after `timeoutMs`, with the lines so far */
  async waitFor(pattern: RegExp, timeoutMs = 20_000): Promise<LogLine> {
    const matches = (line: LogLine) => pattern.test(line.text);
    const found = this.all.find(matches);
    if (found !== undefined) return found;
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    this.waiters.push({ matches, resolve });
    const timer = setTimeout(() => {
      const seen = this.all.map((line) => line.text).join('\n');
      reject(new Error(`no log line ${pattern} within ${timeoutMs} ms; there were:\n${seen}`));
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
