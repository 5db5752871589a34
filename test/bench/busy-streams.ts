/** Streams of busy hosts, made from recorded ones. */

interface Fields {
  readonly k?: string;
  readonly ts?: string;
  readonly pid?: number;
  readonly child?: number;
  readonly start?: string;
  readonly conn?: readonly [number, string];
  readonly role?: string;
  readonly sid?: number;
}

function records(stream: Uint8Array): string[] {
  return Buffer.from(stream)
    .toString('latin1')
    .split('\n')
    .filter((line) => line.startsWith('{'));
}

function bytes(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** Processes of one connection that are alive, as its records come. */
interface Count {
  alive: number;
  most: number;
  /** Line at which most were alive. */
  end: number;
}

/**
 * The connection of a stream that has most processes at one moment, up to that moment: nothing of what lives then ends.
 * The listener and the clock stay with it.
 */
export function peakOf(stream: Uint8Array): Uint8Array {
  const lines = records(stream);
  const counts = new Map<number, Count>();
  const ownerOf = ({ k, conn, child, role }: Fields): number | undefined =>
    k === 'fork' && role === 'listener' ? child : conn?.[0];
  for (const [at, line] of lines.entries()) {
    const fields: Fields = JSON.parse(line);
    const owner = ownerOf(fields);
    if (owner === undefined) continue;
    const count = counts.get(owner) ?? { alive: 0, most: 0, end: at };
    counts.set(owner, count);
    if (fields.k === 'fork') count.alive++;
    else if (fields.k === 'exit') count.alive--;
    if (count.alive <= count.most) continue;
    count.most = count.alive;
    count.end = at;
  }
  const [busiest] = [...counts].toSorted(([, a], [, b]) => b.most - a.most);
  if (busiest === undefined) throw new Error('the stream has no connection');
  const [owner, { end }] = busiest;
  const kept = lines.filter((line, at) => {
    const fields: Fields = JSON.parse(line);
    const of = ownerOf(fields);
    if (of === undefined) return fields.k !== 'end' && at <= end;
    return of === owner && (at <= end || (at <= end + PROGRAM_LINES && fields.k === 'exec'));
  });
  return bytes(kept);
}

/** Lines behind the last fork that may still tell what its child runs. */
const PROGRAM_LINES = 8;

const FIRST_PID = 100_000;
const STEP_NS = 1_000_000n;
const CHUNK_PROGRAMS = 500;

/** `count` programs that the process alive at the peak which called exec last starts, all at once or each after the other. */
export function* programs(stream: Uint8Array, count: number, how: 'together' | 'in turn'): Generator<Uint8Array> {
  const lines = records(peakOf(stream));
  const last = lines.findLast((line) => line.startsWith('{"k":"exec"') && line.includes('"role":"program"'));
  const parent: Fields = JSON.parse(last ?? '{}');
  let nowNs = BigInt(parent.ts ?? '0') + STEP_NS;
  const conn = `"conn":${JSON.stringify(parent.conn)},"role":"program"`;
  for (let done = 0; done < count; ) {
    const chunk: string[] = [];
    for (let i = 0; i < CHUNK_PROGRAMS && done < count; i++, done++) {
      const pid = FIRST_PID + done;
      const start = `${nowNs}`;
      const own = `"pid":${pid},"start":"${start}",${conn}`;
      chunk.push(
        `{"k":"fork","ts":"${start}","pid":${parent.pid},"start":"${parent.start}",${conn},"child":${pid},"child_start":"${start}"}`,
        `{"k":"exec","ts":"${nowNs + 200_000n}",${own},"ppid":${parent.pid},"uid":[1001,1001,1001],"sid":${parent.sid},"file":"2f7573722f62696e2f74727565","argv_len":9,"argv":"74727565002d2d7800"}`,
      );
      if (how === 'in turn') chunk.push(`{"k":"exit","ts":"${nowNs + 800_000n}",${own},"code":0,"signal":0}`);
      nowNs += STEP_NS;
    }
    chunk.push(`{"k":"clock","ts":"${nowNs}","wall":"${nowNs + 1_700_000_000_000_000_000n}"}`);
    yield bytes(chunk);
  }
}
