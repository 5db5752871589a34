/** The libbpf producer as a test runs it: its records as JSON, what it said, how it ended. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Child, type ChildExit, startChild } from '../../agent/source/child-process.ts';

const EBPF = fileURLToPath(new URL('../../ebpf', import.meta.url));

/** One line of the stream. */
export type Row = Readonly<Record<string, unknown>> & { readonly k: string };

export const PROGRAM = process.env['SSHD_OTEL_PRODUCER'] ?? `${EBPF}/.output/sshd-otel-producer`;

/** Why these tests can't run here; false: they can. */
export function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'tracing needs root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'this kernel has no BTF';
  if (!existsSync('/usr/sbin/sshd')) return 'no /usr/sbin/sshd';
  if (!existsSync(PROGRAM)) return `${PROGRAM} is not built: make -C ebpf`;
  return false;
}

/** A build with the flags `extra`, in a folder of its own under `.output`. */
export function buildVariant(name: string, extra: string): string {
  const out = `.output/${name}`;
  execFileSync('make', ['-s', '-C', EBPF, `OUT=${out}`, `EXTRA=${extra}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  return `${EBPF}/${out}/sshd-otel-producer`;
}

export interface Producer {
  readonly pid: number;
  readonly rows: readonly Row[];
  /** All bytes so far. */
  bytes(): Buffer;
  /** The first row, past or to come, of which `test` holds. @throws Error after 15 s or when the producer ends */
  wait(what: string, test: (row: Row) => boolean): Promise<Row>;
  /** Resolves when all that has happened until now has been told. */
  caughtUp(): Promise<unknown>;
  /** Ends it in order; `first` goes before SIGTERM. */
  stop(first?: NodeJS.Signals): Promise<ChildExit>;
  readonly exited: Promise<ChildExit>;
  stderr(): string;
  readonly child: Child;
}

/** Starts it and waits until it follows what is there. @throws Error with what it said, if it ends before */
export async function startProducer(args: readonly string[], program = PROGRAM): Promise<Producer> {
  const producer = launch(program, args);
  await producer.wait('seed-end', (row) => row.k === 'seed-end');
  return producer;
}

export function launch(program: string, args: readonly string[]): Producer {
  const child = startChild({ command: program, args, stdin: 'pipe' });
  const rows: Row[] = [];
  const chunks: Buffer[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  const read = (async () => {
    for await (const chunk of child.stdout ?? []) {
      chunks.push(chunk);
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      rows.push(...lines.map((line) => JSON.parse(line) as Row));
      for (const look of waiting) look();
    }
  })();
  const over = read.then(() => child.exited);
  const producer: Producer = {
    pid: child.pid ?? -1,
    rows,
    child,
    bytes: () => Buffer.concat(chunks),
    exited: over,
    stderr: () => child.stderrTail(),
    wait(what, test) {
      return new Promise((resolve, reject) => {
        let next = 0;
        const finish = () => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const fail = (why: string) => {
          finish();
          const tail = rows.slice(-5).map((row) => JSON.stringify(row).slice(0, 300));
          reject(new Error(`no ${what}: ${why}; last rows:\n${tail.join('\n')}`));
        };
        const look = () => {
          for (; next < rows.length; next++) {
            const row = rows[next];
            if (row !== undefined && test(row)) {
              finish();
              resolve(row);
              return;
            }
          }
        };
        const timer = setTimeout(() => fail('15 s have passed'), 15_000);
        waiting.add(look);
        look();
        void over.then((exit) => fail(`the producer ${exit.reason}: ${child.stderrTail()}`));
      });
    },
    caughtUp() {
      const now = process.hrtime.bigint(); // as the boot clock, unless this machine was suspended
      return producer.wait('clock', (row) => row.k === 'clock' && BigInt(String(row['ts'])) > now);
    },
    async stop(first) {
      if (first !== undefined && existsSync(`/proc/${child.pid}`)) process.kill(child.pid ?? -1, first);
      await child.stop();
      return over;
    },
  };
  return producer;
}

export const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : '', 'hex');
export const textOf = (value: unknown): string => bytesOf(value).toString('latin1');

/** Arguments of an exec, joined from its `bytes` records; undefined where a piece is missing. */
export function argvOf(rows: readonly Row[], exec: Row): Buffer | undefined {
  const total = Number(exec['argv_len']);
  const whole = Buffer.alloc(total);
  let covered = bytesOf(exec['argv']).copy(whole);
  if (covered === total) return whole;
  covered = 0;
  for (const row of rows) {
    if (row.k !== 'bytes' || row['of'] !== 'argv' || row['pid'] !== exec['pid'] || row['ts'] !== exec['ts']) continue;
    if (row['total'] !== total || Number(row['off']) !== covered) return undefined;
    const data = bytesOf(row['data']);
    if (data.length !== row['len']) return undefined;
    covered += data.copy(whole, covered);
  }
  return covered === total ? whole : undefined;
}

/** Every record made in the kernel arrived, by the producer's own numbers. */
export function numbersAreWhole(rows: readonly Row[]): { tried: number; came: number; lost: number } {
  const next = new Map<unknown, number>();
  for (const row of rows) if (row.k === 'seq') next.set(row['cpu'], Number(row['next']));
  const numbered = new Set(
    rows.filter((row) => 'cpu' in row && row.k !== 'seq').map((row) => `${row['cpu']} ${row['seq']}`),
  );
  const lost = rows.filter((row) => row.k === 'lost' && !/^(skipped:|untracked)/.test(String(row['of'])));
  return {
    tried: [...next.values()].reduce((sum, n) => sum + n, 0),
    came: numbered.size,
    lost: lost.reduce((sum, row) => sum + Number(row['n']), 0),
  };
}
