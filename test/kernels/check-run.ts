/** A run of a producer in a guest, against what the guest's clients did. */
import { Pipeline } from '../../agent/pipeline.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { expected, factsOf } from './story.ts';

type Row = Readonly<Record<string, unknown>> & { readonly k: string };

/** What a guest printed of one mode. */
export interface Run {
  readonly mode: string;
  readonly lines: string[];
  /** Standard error of the producer. */
  readonly said: string[];
  /** `NAME FROM TO …`, seconds of the boot clock. */
  readonly did: string[];
  /** Seconds until it had attached. */
  ready?: number;
  /** Of the producer's end. */
  status?: number;
}

export interface Verdict {
  readonly hooks: string;
  readonly expected: number;
  /** Facts that were not told, or wrong sums of records. */
  readonly missing: readonly string[];
  /** Told, and never happened. */
  readonly wrong: readonly string[];
  /** Runs of programs that the kernel left out, as the producer announced them. */
  readonly skipped: number;
}

/** Path of the cgroup that guest-init puts its server into. */
const CGROUP = Buffer.from(`/libpod-${'5d'.repeat(32)}.scope/ssh.service`).toString('hex');

/** What no run may have, and what each must. */
const ROWS: readonly (readonly [what: string, good: (rows: readonly Row[]) => boolean])[] = [
  ['paths of cgroups', (rows) => rows.some((row) => row.k === 'cgroup' && row['path'] === CGROUP)],
  ['files of execs', (rows) => rows.every((row) => row.k !== 'exec' || row['mntns'] !== undefined)],
  ['CPU time', (rows) => rows.every((row) => row.k !== 'exit' || row['utime'] !== undefined)],
  ['titles', (rows) => rows.some((row) => row.k === 'exit' && row['title'] !== undefined)],
  ['closes of connections', (rows) => rows.some((row) => row.k === 'tcp' && row['new'] === 7)],
  ['variables', (rows) => rows.some((row) => row.k === 'env')],
];

const NOTHING = Buffer.from('/lab/nothing').toString('hex');
const EXACT: typeof ROWS = [
  ['setresuid', (rows) => rows.some((row) => row.k === 'setresuid')],
  ['setsid', (rows) => rows.some((row) => row.k === 'setsid')],
  ['exact times of the two', (rows) => rows.every((row) => row['late'] === undefined)],
  [
    'the failed exec',
    (rows) => rows.some((row) => row.k === 'execfail' && row['file'] === NOTHING && row['ret'] === -2),
  ],
];

export function checkRun(run: Run): Verdict {
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0.0.0' });
  const spans = [...pipeline.push(Buffer.from(`${run.lines.join('\n')}\n`)), ...pipeline.end()];
  const rows = rowsOf(run);
  const missing: string[] = [];
  const wrong: string[] = [];
  const { rejected, missing: lost, duplicates } = pipeline.counters.decode;
  for (const [what, n] of Object.entries({ ...rejected, 'lost without a word': lost, duplicates }))
    if (n > 0) wrong.push(`${n} ${what}`);
  if (rows.at(-1)?.k !== 'end') missing.push('the end of the stream');
  const checks = run.mode === 'bpftrace' ? [] : [...ROWS, ...(run.mode.includes('exact') ? EXACT : [])];
  for (const [what, good] of checks) if (!good(rows)) missing.push(what);

  const traces = tracesOf(spans, rows);
  let count = 0;
  for (const line of run.did) {
    const [name = '', from, to] = line.split(' ');
    const due = expected(name, run.mode);
    count += due.length;
    const own = traces.filter((trace) => trace.fromS >= Number(from) - 0.02 && trace.fromS < Number(to));
    for (const trace of own) traces.splice(traces.indexOf(trace), 1);
    const told = own.flatMap((trace) => factsOf(trace.spans));
    for (const fact of due) {
      const at = told.indexOf(fact);
      if (at < 0) missing.push(`${name}: ${fact}`);
      else told.splice(at, 1);
    }
    wrong.push(...told.map((fact) => `${name}: ${fact}`));
  }
  wrong.push(...traces.map((trace) => `a connection at ${trace.fromS} s that nobody made`));
  return { hooks: hooksOf(rows), expected: count, missing, wrong, skipped: skippedOf(rows) };
}

/** Records by kind, those that a lost run of a program would take away. */
export function countsOf(run: Run): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { k } of rowsOf(run)) {
    const kind = k === 'untracked' ? 'exit' : k;
    if (['accept', 'fork', 'exec', 'exit', 'mon', 'env'].includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

export function rowsOf(run: Run): Row[] {
  return run.lines.flatMap((line) => {
    try {
      return line.startsWith('{"k":"') ? [JSON.parse(line) as Row] : [];
    } catch {
      return [];
    }
  });
}

interface Trace {
  /** Start of its root by the boot clock. */
  readonly fromS: number;
  readonly spans: readonly SpanRecord[];
}

function tracesOf(spans: readonly SpanRecord[], rows: readonly Row[]): Trace[] {
  const clock = rows.find((row) => row.k === 'clock');
  const bootNs = BigInt(String(clock?.['wall'] ?? 0)) - BigInt(String(clock?.['ts'] ?? 0));
  return spans
    .filter((span) => span.name === 'ssh.connection')
    .map((root) => ({
      fromS: Number(root.startNs - bootNs) / 1e9,
      spans: spans.filter((span) => span.traceId === root.traceId),
    }));
}

/** Without those that every kernel has. */
function hooksOf(rows: readonly Row[]): string {
  const hello = rows.find((row) => row.k === 'hello')?.['hooks'];
  const names = Array.isArray(hello) ? hello.map(String) : [];
  const told = names.filter((name) => !name.includes('sched_') && !name.includes('inet_sock'));
  return told.length > 5 ? `${names.length} probes` : told.join(' ') || '-';
}

function skippedOf(rows: readonly Row[]): number {
  return rows
    .filter((row) => row.k === 'lost' && String(row['of']).startsWith('skipped:'))
    .reduce((sum, row) => sum + Number(row['n']), 0);
}
