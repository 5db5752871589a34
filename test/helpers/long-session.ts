/** Streams of one session with any number of programs, made from a recorded login. */
import { loadStream } from './streams.ts';

/** A login that runs `sh -c …`: its leader's identity, and what a program below it looks like. */
const LEADER = '"pid":6649,"start":"4580232938602"';
const REST = '"conn":[6241,"4578166660765"],"role":"program"';
const IDS = '"uid":[59001,59001,59001]';
const FROM_NS = 4_580_245_788_081n;
const WALL_NS = 1_795_520_390_522_380_615n - 4_581_180_251_780n;
/** Hex digits of an argument vector that stand in its exec; longer ones come in parts. */
const MAX_WHOLE = 8_000;
const PART = 100_000;

export interface LongSession {
  readonly count: number;
  /** Elements of each program's argument vector. */
  readonly args: readonly string[];
  /** Default 1000. */
  readonly perSecond?: number;
  /** One process execs again and again; else each program has its own. */
  readonly oneProcess?: boolean;
}

/** The login, with so many programs `true` before its leader ends. */
export function* longSession({ count, args, perSecond = 1_000, oneProcess = false }: LongSession): Generator<string> {
  const lines = Buffer.from(loadStream('8.4-keys'))
    .toString('latin1')
    .split('\n')
    .filter((line) => line.startsWith('{') && !line.startsWith('{"k":"seq"') && !line.startsWith('{"k":"end"'))
    .map((line) => line.replace(/"cpu":\d+,"seq":\d+,/, ''));
  const leaves = lines.findIndex((line) => line.startsWith('{"k":"exit"') && line.includes(LEADER));
  const stepNs = 1_000_000_000n / BigInt(perSecond);
  const argv = Buffer.from(args.map((arg) => `${arg}\0`).join('')).toString('hex');

  yield `${lines.slice(0, leaves).join('\n')}\n`;
  let piece = '';
  for (let i = 0; i < count; i++) {
    const ns = FROM_NS + BigInt(i) * stepNs;
    const begins = oneProcess ? FROM_NS : ns;
    const pid = 100_000 + (oneProcess ? 0 : i);
    const self = `"pid":${pid},"start":"${begins + 100n}",${REST}`;
    if (i % perSecond === 0) piece += `{"k":"clock","ts":"${ns}","wall":"${ns + WALL_NS}"}\n`;
    if (begins === ns)
      piece += `{"k":"fork","ts":"${ns + 200n}",${LEADER},${REST},"child":${pid},"child_start":"${ns + 100n}",${IDS},"sid":6649}\n`;
    piece += `{"k":"exec","ts":"${ns + 300n}",${self},"ppid":6649,${IDS},"gid":59001,"sid":6649,"exec":${14 + (oneProcess ? i : 0)},"old":${pid},"comm":"74727565","file":"2f62696e2f74727565","argv_len":${argv.length / 2},`;
    if (argv.length <= MAX_WHOLE) piece += `"argv":"${argv}"}\n`;
    else {
      piece += `"argv":""}\n`;
      for (let at = 0; at < argv.length; at += PART) {
        const data = argv.slice(at, at + PART);
        piece += `{"k":"bytes","ts":"${ns + 300n}",${self},"of":"argv","off":${at / 2},"len":${data.length / 2},"total":${argv.length / 2},"data":"${data}"}\n`;
      }
    }
    if (!oneProcess || i === count - 1)
      piece += `{"k":"exit","ts":"${ns + (stepNs * 9n) / 10n}",${self},"code":0,"signal":0,"core":0,${IDS},"sid":6649}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = '';
  }
  const shiftNs = BigInt(count) * stepNs;
  const later = lines
    .slice(leaves)
    .map((line) => line.replace(/"ts":"(\d+)"/, (_all, ns: string) => `"ts":"${BigInt(ns) + shiftNs}"`))
    .map((line) => line.replace(/"wall":"(\d+)"/, (_all, ns: string) => `"wall":"${BigInt(ns) + shiftNs}"`));
  yield `${piece}${later.join('\n')}\n`;
}
