/** A recorded story that can be cut at any moment, and what a producer tells that begins there. */
import { loadStream } from './streams.ts';

export const BOOT = '6f1d2c3b-4a59-4687-9e0d-1c2b3a495867';

export type Line = Readonly<Record<string, unknown>> & { readonly k: string; readonly ts: string };

/** The story's records in order of time, so that a cut of the list is a moment; all of one boot. */
const story: readonly Line[] = Buffer.from(loadStream('9.2-debian-story'))
  .toString('latin1')
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line) as Line)
  .map((line) => (line.k === 'hello' ? { ...line, boot_id: BOOT } : line));
const [hello] = story;
export const records = story
  .filter(({ k }) => !['hello', 'seed', 'seed-end', 'end'].includes(k))
  .sort((a, b) => (BigInt(a.ts) < BigInt(b.ts) ? -1 : BigInt(a.ts) > BigInt(b.ts) ? 1 : 0));
const seeds = story.filter(({ k }) => k === 'seed');

export function bytesOf(lines: readonly object[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 'latin1');
}

export const opening = [hello, ...seeds, { k: 'seed-end', ts: hello?.ts, n: seeds.length }] as Line[];

/** Seeds of all that lives after the first `cut` records, as a producer that begins then tells them. */
export function seedsAt(cut: number): object[] {
  const living = new Map<unknown, Record<string, unknown>>();
  for (const seed of seeds) living.set(seed['pid'], { ...seed });
  for (const record of records.slice(0, cut)) {
    const { pid, start, conn, role, sid, uid, exec, comm, file, argv, argv_len } = record as Record<string, unknown>;
    const own = living.get(pid);
    if (record.k === 'fork') {
      const parent = living.get(pid) ?? {};
      const child = record['child'];
      // The story's listener began before its stream and has no seed.
      const listens = (parent['role'] ?? role ?? 'listener') === 'listener';
      const childRole = listens ? 'sshd' : parent['role'];
      const childConn = listens ? [child, record['child_start']] : (parent['conn'] ?? conn);
      const inherited = {
        comm: parent['comm'],
        file: parent['file'],
        argv: parent['argv'],
        argv_len: parent['argv_len'],
      };
      living.set(child, {
        ...{ k: 'seed', pid: child, start: record['child_start'], ppid: pid, pstart: start },
        ...{ conn: childConn, role: childRole, sid: parent['sid'], uid: parent['uid'], exec, ...inherited },
      });
    } else if (own === undefined) continue;
    else if (record.k === 'exit') living.delete(pid);
    else if (record.k === 'exec')
      Object.assign(own, { role: role ?? own['role'], sid, uid, exec, comm, file, argv, argv_len });
    else if (record.k === 'setsid') own['sid'] = sid;
    else if (record.k === 'setresuid') own['uid'] = uid;
  }
  return [...living.values()].map((seed) =>
    Object.fromEntries(Object.entries(seed).filter(([, v]) => v !== undefined)),
  );
}

/** What a producer that begins after the first `cut` records tells before it goes on. */
export function openingAt(cut: number): object[] {
  const ts = records[Math.max(0, cut - 1)]?.ts ?? '0';
  const found = seedsAt(cut).map((seed) => ({ ...seed, ts }));
  const wall = String(BigInt(ts) + 1_790_000_000_000_000_000n);
  return [{ ...hello, ts }, { k: 'clock', ts, wall }, ...found, { k: 'seed-end', ts, n: found.length }];
}
