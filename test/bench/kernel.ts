/**
 * What it costs a host to be traced, by us and by others: `node test/bench/kernel.ts [--rounds N] [--execs N] [--only NAME]
 * [--with-auditd]`.
 *
 * Each round of each tool is measured between two rounds with nothing attached, in shuffled order, by processes that run
 * on all the while; a ratio is that to the mean of the two, a figure the median of the rounds ± their median distance from it. Of each round the fastest loop and
 * the lowest tenth of the execs count, so that other work on the machine matters least. A tool that did not tell of every
 * exec, or told of one that it must not tell of, fails; one of ours fails the whole. Needs root; under 4 minutes.
 */
import { readdirSync } from 'node:fs';
import { auditd } from './auditd.ts';
import { figure, flag, median, option, quantile, ratio, say, sum, table, verdict } from './figures.ts';
import { type OwnTime, ownTime } from './own-time.ts';
import { type Attached, allTools, attach, type Ran, type Site, type Tool } from './tools.ts';
import { commandOf, cpuNs, descendants } from './usage.ts';
import { type Bench, startBench } from './workload.ts';

const ROUNDS = option('rounds', 6);
const EXECS = option('execs', 100);

const KINDS = ['write', 'getppid', 'pair', 'outside', 'inside'] as const;
type Kind = (typeof KINDS)[number];
type Times = Readonly<Record<Kind, number>>;

/** Rounds of one tool. */
interface Row {
  readonly tool: Tool;
  readonly ratios: Record<Kind, number[]>;
  readonly attachMs: number[];
  readonly attachCpuMs: number[];
  readonly cpuPerExecNs: number[];
  failure?: string;
}

let measured = 0;

const us = (ns: number) => `${(ns / 1_000).toFixed(2)} µs`;

/** All kinds of work once, and what the tool `pid` took of the CPU meanwhile for each exec. */
async function measure(bench: Bench, pid = 0): Promise<{ times: Times; ran: readonly [Ran, Ran]; cpuNs: number }> {
  measured += 1;
  const { outside, inside } = bench;
  const fastest = async (line: string) => Math.min(...(await outside.ask(line)));
  const [outsideTag, insideTag] = [`bench-out-${measured}-${process.pid}`, `bench-in-${measured}-${process.pid}`];
  const calls = {
    write: await fastest('write 1000 40'),
    getppid: await fastest('getppid 1000 40'),
    pair: await fastest('pair 250 40'),
  };
  const cpuBefore = cpuNs(pid);
  const times = {
    ...calls,
    outside: quantile(await outside.ask(`exec ${EXECS} ${outside.target} ${outsideTag}`), 0.1),
    inside: quantile(await inside.ask(`exec ${EXECS} ${inside.target} ${insideTag}`), 0.1),
  };
  const ran = (tag: string, target: string): Ran => ({ tag, target, execs: EXECS });
  const cpu = (cpuNs(pid) - cpuBefore) / (2 * EXECS);
  return { times, cpuNs: cpu, ran: [ran(outsideTag, outside.target), ran(insideTag, inside.target)] };
}

function check(row: Row, ran: readonly [Ran, Ran], told: readonly number[]): void {
  const { sessionsOnly, together = false } = row.tool;
  const expected = together ? [2 * EXECS, 2 * EXECS] : [sessionsOnly ? 0 : EXECS, EXECS];
  if (expected.every((count, index) => told[index] === count)) return;
  row.failure = `told of ${told.join(' and ')} of ${ran.map((one) => one.execs).join(' and ')} execs, not ${expected.join(' and ')}`;
}

async function oneRound(bench: Bench, row: Row, site: Site, detached: Times[]): Promise<void> {
  const { times: before } = await measure(bench);
  detached.push(before);
  let attached: Attached | undefined;
  try {
    attached = await attach(row.tool, site);
    row.attachMs.push(attached.attachMs);
    row.attachCpuMs.push(attached.attachCpuMs);
    const { times, ran, cpuNs: cpu } = await measure(bench, attached.pid);
    row.cpuPerExecNs.push(cpu);
    check(row, ran, await attached.detach(ran));
    const { times: after } = row.tool.spoils === true ? { times: before } : await measure(bench);
    if (after !== before) detached.push(after);
    for (const kind of KINDS) row.ratios[kind].push((2 * times[kind]) / (before[kind] + after[kind]));
  } catch (error) {
    row.failure = error instanceof Error ? error.message : String(error);
    await attached?.detach([]).catch(() => undefined);
  }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

function newRow(tool: Tool): Row {
  return {
    tool,
    ratios: { write: [], getppid: [], pair: [], outside: [], inside: [] },
    attachMs: [],
    attachCpuMs: [],
    cpuPerExecNs: [],
  };
}

function report(rows: readonly Row[], detached: readonly Times[]): void {
  const nothing = KINDS.map((kind) => {
    const { median: ns, spread } = figure(detached.map((times) => times[kind]));
    return ns < 10_000
      ? `${ns.toFixed(0)} ns ±${spread.toFixed(0)}`
      : `${(ns / 1_000).toFixed(0)} µs ±${(spread / 1_000).toFixed(0)}`;
  });
  const body = rows.map((row) => [
    row.tool.name,
    ...KINDS.map((kind) => (row.ratios[kind].length === 0 ? '–' : ratio(figure(row.ratios[kind])))),
    row.cpuPerExecNs.length === 0 ? '–' : `${(median(row.cpuPerExecNs) / 1_000).toFixed(1)} µs`,
    row.attachMs.length === 0 ? '–' : `${(median(row.attachMs) / 1_000).toFixed(2)} s`,
    row.failure === undefined ? `all told, ${row.attachMs.length} rounds` : `FAILED: ${row.failure}`,
  ]);
  const heading = [
    'attached',
    '`write` 1 B',
    '`getppid`',
    'socket pair',
    'exec outside',
    'exec in a session',
    'its CPU/exec',
    'attach',
    'events',
  ];
  say(table([heading, ['nothing', ...nothing, '', '', `${detached.length} rounds`], ...body]));
}

function reportOwnTimes(times: ReadonlyMap<string, OwnTime>, detached: readonly Times[]): void {
  const exec = median(detached.map((one) => one.outside));
  const inside = median(detached.map((one) => one.inside));
  const share = (ns: number, of: number) => `${us(ns)} (${((100 * ns) / of).toFixed(2)} %)`;
  say('\nThe kernel’s own time in each tool’s BPF programs (its measuring included):\n');
  const body = [...times].map(([name, own]) => [
    name,
    share(own.outsideNs, exec),
    share(own.insideNs, inside),
    `${own.sendNs.toFixed(0)} ns`,
    String(own.runsPerWrite),
  ]);
  say(table([['attached', 'foreign exec', 'exec in a session', 'one send', 'program runs per `write`'], ...body]));
  const programs = times.get('libbpf')?.programs ?? [];
  say(
    `\nlibbpf by program: ${programs.map((one) => `${one.name} ${us(one.outsideNs)} outside, ${us(one.insideNs)} inside`).join('; ')}\n`,
  );
}

/** A goal is judged by the runs where these can tell, else by the kernel's own time. */
function goals(
  rows: readonly Row[],
  own: OwnTime | undefined,
  others: ReadonlyMap<string, OwnTime>,
  detached: readonly Times[],
): void {
  const row = rows.find(({ tool }) => tool.name === 'libbpf');
  if (row === undefined || own === undefined || row.attachMs.length === 0) return;
  const lines: [string, string, string, string][] = [];
  const judge = (what: string, kind: Kind, ownNs: number) => {
    const runs = figure(row.ratios[kind]);
    const base = median(detached.map((times) => times[kind]));
    const share = (100 * ownNs) / base;
    const byRuns = verdict(runs, 1.01);
    const final = byRuns.startsWith('cannot') ? `${share <= 1 ? 'met' : 'MISSED'} by the kernel’s own time` : byRuns;
    lines.push([what, ratio(runs), `${ownNs.toFixed(0)} ns, ${share.toFixed(2)} %`, final]);
  };
  judge('foreign `write` ≤ +1 %', 'write', own.runsPerWrite);
  judge('foreign `getppid` ≤ +1 %', 'getppid', 0);
  judge('foreign socket pair ≤ +1 %', 'pair', 2 * own.sendNs);
  judge('foreign exec ≤ +1 %', 'outside', own.outsideNs);
  judge('exec in a session ≤ +1 %', 'inside', own.insideNs);
  const least = [...others].every(([name, other]) => name.startsWith('libbpf') || other.insideNs >= own.insideNs);
  lines.push(['least of all tools in a session', '', us(own.insideNs), least ? 'met' : 'MISSED']);
  const attachS = figure(row.attachMs.map((ms) => ms / 1_000));
  lines.push([
    'attach ≤ 0.2 s',
    `${attachS.median.toFixed(2)} s ±${attachS.spread.toFixed(2)}`,
    verdict(attachS, 0.2),
    '',
  ]);
  say(table([['goal (libbpf)', 'runs', 'the kernel’s own time', 'verdict'], ...lines]));
}

function siteOf(bench: Bench): Site {
  const { lab, outside } = bench;
  const server = descendants(lab.listenerPid).find((pid) => commandOf(pid) === '/run/lab/workload serve');
  if (server === undefined) throw new Error('the workload inside the session is not there');
  return { listenerPid: lab.listenerPid, pids: [outside.pid, server], folder: lab.folder };
}

/** Whether other tracers hold the system-call path, for every number then holds it, too. */
function othersTrace(): number {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && /^\S*(bpftrace|perf|strace|auditd) /.test(`${commandOf(Number(name))} `);
    } catch {
      return false;
    }
  }).length;
}

const bench = await startBench();
try {
  await bench.inside.ask('getppid 1 1');
  const site = siteOf(bench);
  const at = process.argv.indexOf('--only');
  // Last of all: nothing is as fast as before once it ran.
  const all = flag('with-auditd') ? [...allTools(), auditd()] : allTools();
  const tools = all.filter((tool) => at < 0 || tool.name.includes(process.argv[at + 1] ?? ''));
  const rows = tools.map(newRow);
  const detached: Times[] = [];
  say(`${othersTrace()} other tracers run on this machine at the start`);
  for (const row of rows) if (row.tool.missing !== undefined) row.failure = `not measured, ${row.tool.missing}`;
  const usable = rows.filter((row) => row.tool.missing === undefined);
  for (let round = 0; round < ROUNDS; round++) {
    const due = usable.filter(({ tool }) => tool.every > 0 && round % tool.every === 0);
    for (const row of shuffled(due)) await oneRound(bench, row, site, detached);
  }
  const own = new Map<string, OwnTime>();
  for (const { tool } of usable.filter(({ tool }) => !/perf|strace|auditd/.test(tool.name))) {
    own.set(tool.name, await ownTime(bench, tool, site));
  }
  for (const row of usable.filter(({ tool }) => tool.every === 0)) await oneRound(bench, row, site, detached);
  report(rows, detached);
  reportOwnTimes(own, detached);
  goals(rows, own.get('libbpf'), own, detached);
  say(`\n${othersTrace()} other tracers run at the end; ${sum(rows.map((row) => row.attachMs.length))} attachments`);
  // What others lose is a finding; what ours lose is a fault.
  if (rows.some((row) => row.failure !== undefined && row.tool.sessionsOnly)) process.exitCode = 1;
} finally {
  await bench.stop();
}
