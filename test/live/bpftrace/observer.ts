/** The bpftrace producer at one listener (or all), its stream read by nothing but JSON.parse: no stage of the agent helps. */
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../../agent/source/child-process.ts';
import { readHostFacts } from '../../../agent/source/host-facts.ts';
import { prepareBpftrace } from '../../../agent/supervise/producers.ts';

export const SCRIPT = fileURLToPath(new URL('../../../ebpf/sshd-otel.bt', import.meta.url));

/** The bpftrace that is tested; `bpftrace-versions.sh` names others. */
export const BPFTRACE = process.env['SSHD_OTEL_BPFTRACE'] ?? '/usr/bin/bpftrace';

/** Why these tests can't run here; false: they can. */
export function whyNotBpftrace(): string | false {
  if (process.getuid?.() !== 0) return 'tracing needs root';
  try {
    accessSync(BPFTRACE, constants.X_OK);
    return false;
  } catch {
    return `${BPFTRACE} is not there: apt-get install bpftrace`;
  }
}

/** A record as it stands in the stream; which fields there are depends on `k`. */
export interface Row {
  readonly k: string;
  readonly ts: string;
  readonly cpu?: number;
  readonly seq?: number;
  readonly pid?: number;
  readonly start?: string;
  readonly conn?: readonly [number, string];
  readonly role?: string;
  readonly child?: number;
  readonly child_start?: string;
  readonly ppid?: number;
  readonly pstart?: string;
  readonly uid?: readonly [number, number, number];
  readonly sid?: number;
  readonly luid?: number;
  readonly argv_len?: number;
  readonly code?: number;
  readonly signal?: number;
  readonly comm?: string;
  readonly title?: string;
  readonly file?: string;
  readonly ret?: number;
  readonly of?: string;
  readonly off?: number;
  readonly len?: number;
  readonly total?: number;
  readonly type?: number;
  readonly data?: string;
  readonly cut?: number;
  readonly peer?: string;
  readonly peer_port?: number;
  readonly local?: string;
  readonly local_port?: number;
  readonly boot_id?: string;
  readonly wall?: string;
  readonly next?: number;
  readonly records?: number;
  readonly n?: number;
}

export interface Observer {
  readonly pid: number;
  /** All complete lines so far, as they came. */
  text(): string;
  rows(): readonly Row[];
  /** Resolves when `ready` holds of the records so far, with what it returned. @throws Error after 45 s, or if bpftrace ends first */
  until<T>(ready: (rows: readonly Row[]) => T | undefined): Promise<T>;
  /** SIGTERM; resolves with the exit status and what stood on stderr. */
  stop(): Promise<{ readonly code: number | undefined; readonly stderr: string }>;
}

/** Attaching takes 2 s of one core; a busy machine gives it a tenth of one. */
const WAIT_MS = 45_000;

export interface ObserverOptions {
  readonly script?: string;
  readonly listenerPid?: number | undefined;
  /** Room of each table; no less than the 96 of the roots. Default: as the product has it. */
  readonly room?: number;
}

/** Resolves when everything is attached. @throws Error with what bpftrace said if it did not come so far */
export async function observe(options: ObserverOptions = {}): Promise<Observer> {
  const { script = SCRIPT, listenerPid, room } = options;
  const { command, release } = prepareBpftrace(BPFTRACE, {
    ...readHostFacts(),
    version: '0.0.0',
    script,
    listenerPid,
  });
  const keys = room === undefined ? {} : { BPFTRACE_MAP_KEYS_MAX: String(room), BPFTRACE_MAX_MAP_KEYS: String(room) };
  const child = startChild({ ...command, env: { ...command.env, ...keys } });
  release();
  const rows: Row[] = [];
  let text = '';
  let rest = '';
  let look = (): void => undefined;
  let over = false;
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      text += `${line}\n`;
      if (line.startsWith('{')) rows.push(JSON.parse(line) as Row);
    }
    look();
  });
  child.stdout?.once('close', () => {
    over = true;
    look();
  });
  const observer: Observer = {
    pid: child.pid ?? 0,
    text: () => text,
    rows: () => rows,
    until: (ready) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail('has not come within 45 s'), WAIT_MS);
        const done = (): void => {
          clearTimeout(timer);
          look = () => undefined;
        };
        const fail = (why: string): void => {
          done();
          reject(new Error(`what was waited for ${why}: ${ready}\n${child.stderrTail()}\n${text.slice(-2_000)}`));
        };
        look = () => {
          const found = ready(rows);
          if (found !== undefined) {
            done();
            resolve(found);
          } else if (over) fail('cannot come any more');
        };
        look();
      }),
    async stop() {
      const { code } = await child.stop('SIGTERM', 10_000);
      if (!over) await new Promise((resolve) => child.stdout?.once('close', resolve));
      return { code, stderr: child.stderrTail() };
    },
  };
  await observer.until((all) => all.find((row) => row.k === 'clock'));
  return observer;
}

/** Bytes of a hex field; spaces between pairs don't count. */
export function bytesOf(hex: string | undefined): Buffer {
  return Buffer.from((hex ?? '').replaceAll(' ', ''), 'hex');
}

/** Text of a fixed-size field: up to its first zero byte. */
export function textOf(hex: string | undefined): string {
  const bytes = bytesOf(hex);
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1');
}

/** A long value of a head record, joined from its pieces; with its true length. */
export function longValue(
  rows: readonly Row[],
  head: Row,
  of: 'argv' | 'file' | 'mon',
): { readonly bytes: Buffer; readonly total: number } {
  const pieces = rows.filter((row) => row.k === 'bytes' && row.of === of && row.pid === head.pid && row.ts === head.ts);
  pieces.sort((a, b) => (a.off ?? 0) - (b.off ?? 0));
  let bytes = Buffer.alloc(0);
  for (const piece of pieces) {
    if (piece.off !== bytes.length) break;
    bytes = Buffer.concat([bytes, bytesOf(piece.data)]);
  }
  return { bytes, total: pieces[0]?.total ?? 0 };
}

/** Arguments of an exec, as Latin-1. */
export function argvOf(rows: readonly Row[], exec: Row): readonly string[] {
  return longValue(rows, exec, 'argv').bytes.toString('latin1').split('\0').slice(0, -1);
}

/** One connection's records. */
export interface Connection {
  readonly accept: Row;
  readonly rows: readonly Row[];
  /** Monitor messages in order of time: type, payload as far as it was copied. */
  readonly messages: readonly {
    readonly type: number;
    readonly len: number;
    readonly data: Buffer;
    readonly pid: number;
  }[];
  readonly execs: readonly { readonly row: Row; readonly argv: readonly string[] }[];
}

/** The connections to these ports (none named: to all) that have ended (their monitors have exited), in order of their accept. */
export function endedConnections(rows: readonly Row[], ...ports: readonly number[]): readonly Connection[] {
  return rows
    .filter((row) => row.k === 'accept' && (ports.length === 0 || ports.includes(row.local_port ?? 0)))
    .filter((accept) => rows.some((row) => row.k === 'exit' && row.pid === accept.pid && row.start === accept.start))
    .map((accept) => connectionOf(rows, accept));
}

function connectionOf(rows: readonly Row[], accept: Row): Connection {
  const heads = rows.filter((row) => row.conn?.[0] === accept.pid && row.conn?.[1] === accept.start);
  const keys = new Set(heads.map((row) => `${row.pid} ${row.ts}`));
  const own = rows.filter((row) => heads.includes(row) || (row.conn === undefined && keys.has(`${row.pid} ${row.ts}`)));
  own.sort((a, b) => (BigInt(a.ts) < BigInt(b.ts) ? -1 : BigInt(a.ts) > BigInt(b.ts) ? 1 : 0));
  const messages = own
    .filter((row) => row.k === 'mon')
    .map((row) => ({
      type: row.type ?? -1,
      len: row.len ?? -1,
      pid: row.pid ?? 0,
      data: longValue(own, row, 'mon').bytes,
    }));
  const execs = own.filter((row) => row.k === 'exec').map((row) => ({ row, argv: argvOf(own, row) }));
  return { accept, rows: own, messages, execs };
}

/** The next connection that ends, given how many had ended before. */
export async function nextConnection(
  observer: Observer,
  before: number,
  ...ports: readonly number[]
): Promise<Connection> {
  const ended = await observer.until((rows) => {
    const all = endedConnections(rows, ...ports);
    return all.length > before ? all : undefined;
  });
  const connection = ended[before];
  if (connection === undefined) throw new Error('no connection');
  return connection;
}
