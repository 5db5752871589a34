/** Streams of many connections within a minute, made from a recorded one. */
import { loadStream } from './streams.ts';

const SECOND_NS = 1_000_000_000n;
/** Pids of two connections are so far apart; a recorded one uses less. */
const PID_STRIDE = 5_000;
/** Recorded times between the records of a connection are divided by this, so that thousands fit into a minute. */
const HASTE = 2_000n;
const TIMES = /"(ts|start|child_start|pstart)":"(\d+)"/g;
const PIDS = /"(pid|child|ppid|sid|pgid|nspid|old)":(\d+)/g;
const LOG = /"len":\d+,"data":"([0-9a-f]+)"/;

/** One connection of a recorded stream, to be told again at other times, by other processes and from other addresses. */
export class ConnectionTemplate {
  /** What comes before any connection: the producer's introduction and the listener. */
  readonly opening: string;
  readonly #lines: readonly string[];
  readonly #listener: number;
  readonly #listenerNs: string;
  /** How records name the listener. */
  readonly listener: string;
  /** Time of the connection's first record, boot ns. */
  readonly firstNs: bigint;

  constructor(stream: string) {
    const lines = Buffer.from(loadStream(stream))
      .toString('latin1')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => line.replace(/"cpu":\d+,/, '').replace(/"seq":\d+,/, ''));
    const isOpening = (line: string) => /^\{"k":"(hello|seed|seed-end)"/.test(line);
    const seed = lines.find((line) => line.includes('"role":"listener"')) ?? '';
    this.#listener = Number(/"pid":(\d+)/.exec(seed)?.[1]);
    this.#listenerNs = /"start":"(\d+)"/.exec(seed)?.[1] ?? '';
    this.listener = `"pid":${this.#listener},"start":"${this.#listenerNs}"`;
    this.#lines = lines.filter((line) => !isOpening(line) && !/^\{"k":"(clock|seq|end)"/.test(line));
    this.firstNs = BigInt(/"ts":"(\d+)"/.exec(this.#lines[0] ?? '')?.[1] ?? '0');
    this.opening = `${[...lines.filter(isOpening), clock(this.firstNs - 1n)].join('\n')}\n`;
  }

  /** The connection, begun `afterNs` after the recorded one did. @param number tells it from others */
  told(number: number, afterNs: bigint, address: string): string {
    const pidOf = (pid: number) => (pid === this.#listener || pid < 100 ? pid : pid + (number + 1) * PID_STRIDE);
    const timeOf = (ns: string) =>
      ns === this.#listenerNs || BigInt(ns) < this.firstNs - SECOND_NS
        ? ns
        : `${this.firstNs + afterNs + (BigInt(ns) - this.firstNs) / HASTE}`;
    const lines = this.#lines.map((line) =>
      line
        .replace(TIMES, (_all, name: string, ns: string) => `"${name}":"${timeOf(ns)}"`)
        .replace(PIDS, (_all, name: string, pid: string) => `"${name}":${pidOf(Number(pid))}`)
        .replace(/"conn":\[(\d+),"(\d+)"\]/, (_all, pid: string, ns: string) => {
          return `"conn":[${pidOf(Number(pid))},"${timeOf(ns)}"]`;
        })
        .replace('"peer":"127.0.0.1"', `"peer":"${address}"`)
        .replace(LOG, (_all, hex: string) => {
          const text = Buffer.from(hex, 'hex')
            .toString('latin1')
            .replace(/\[(\d+)\]: /, (_tag, pid: string) => `[${pidOf(Number(pid))}]: `)
            .replaceAll('from 127.0.0.1 port', `from ${address} port`);
          return `"len":${text.length},"data":"${Buffer.from(text, 'latin1').toString('hex')}"`;
        }),
    );
    return `${lines.join('\n')}\n`;
  }
}

/** A clock record: event time has come so far. */
export function clock(ns: bigint): string {
  return `{"k":"clock","ts":"${ns}","wall":"${ns + 1_795_000_000n * SECOND_NS}"}`;
}

/** Failed logins. */
export interface Flood {
  readonly count: number;
  /** Between two of them. */
  readonly stepNs: bigint;
  readonly addressOf: (number: number) => string;
  /** Told in the middle of the flood. */
  readonly neighbour?: string | undefined;
}

/** The flood in pieces of a hundred connections, then a quiet minute. The opening of the stream is not in it. */
export function* floodOf(template: ConnectionTemplate, flood: Flood): Generator<string> {
  const { count, stepNs, addressOf, neighbour } = flood;
  for (let from = 0; from < count; from += 100) {
    const piece: string[] = [];
    for (let i = from; i < Math.min(count, from + 100); i++)
      piece.push(template.told(i, BigInt(i) * stepNs, addressOf(i)));
    if (from <= count / 2 && count / 2 < from + 100 && neighbour !== undefined) piece.push(neighbour);
    piece.push(`${clock(template.firstNs + BigInt(from + 100) * stepNs)}\n`);
    yield piece.join('');
  }
  const endNs = template.firstNs + BigInt(count) * stepNs;
  for (let second = 1n; second <= 70n; second++) yield `${clock(endNs + second * SECOND_NS)}\n`;
}
