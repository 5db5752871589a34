/**
 * What the whole way takes for each command, and what is lost: `node test/bench/pipeline.ts [--seconds N] [--burst N]
 * [--processes N] [--alive N] [--bpftrace]`.
 *
 * Commands in one session at 100 and 1,000 a second and as many as the machine makes; CPU of tracer, agent and whatever
 * started them, for each command; memory of both after many processes and with many alive at once; from the end of a
 * command to its span at the collector; and, with the least ring and a tracer that is held up, the number of lost records
 * against the workload's own count. A command without its span, or a wrong count of losses, fails the whole.
 *
 * Needs root; about 2 minutes. With more room for processes than machines have, ten minutes and 10 GB of memory:
 * `sysctl -w kernel.pid_max=262144; prlimit --nproc=unlimited node test/bench/pipeline.ts --processes 1000000 --alive 100000`.
 */
import { startProducer } from '../ebpf/producer.ts';
import { flag, median, option, quantile, say, sum, table } from './figures.ts';
import { cpuNs, memory } from './usage.ts';
import { startWholeWay, type WholeWay } from './whole-way.ts';
import { type Bench, startBench, TARGET } from './workload.ts';

const SECONDS = option('seconds', 5);
const BURST = option('burst', 6_000);
const PROCESSES = option('processes', 20_000);
const ALIVE = option('alive', 1_500);
const PRODUCER = flag('bpftrace') ? 'bpftrace' : 'libbpf';
const FORCED = 3_000;
const WARM_UP = 5_000;

const rows: string[][] = [
  ['', 'commands/s', 'tracer', 'agent', 'whole way per command', 'without idling', 'spans', 'goal'],
];
/** What each of the processes takes when nothing happens, ns of the CPU in a second. */
let idleNs: readonly number[] = [0, 0, 0];
let failed = false;
/** Commands of which a span must have come so far. */
let expected = 0;

function us(ns: number, count: number): string {
  return `${(ns / count / 1_000).toFixed(1)} µs`;
}

/** Lets `line` run in the session and says what the three processes took until all spans had arrived. */
async function rate(bench: Bench, way: WholeWay, label: string, count: number, line: string): Promise<void> {
  const pids = [way.producerPid, way.agentPid, way.supervisorPid];
  const before = pids.map(cpuNs);
  const startMs = performance.now();
  const [tookNs = 0] = await bench.inside.ask(line);
  expected += count;
  const came = await way.settled(TARGET, expected);
  const taken = pids.map((pid, index) => cpuNs(pid) - (before[index] ?? 0));
  const [tracer = 0, agent = 0] = taken;
  const whole = sum(taken);
  const idling = (sum(idleNs) * (performance.now() - startMs)) / 1_000;
  if (came !== expected) failed = true;
  const goal = [
    `tracer ≤ 5 µs: ${tracer / count <= 5_000 ? 'met' : 'MISSED'}`,
    `whole ≤ 40 µs: ${whole / count <= 40_000 ? 'met' : 'MISSED'}`,
    `0 lost: ${came === expected ? 'met' : 'MISSED'}`,
  ];
  rows.push([
    label,
    Math.round((count * 1e9) / tookNs).toLocaleString('en'),
    us(tracer, count),
    us(agent, count),
    us(whole, count),
    us(Math.max(0, whole - idling), count),
    `${count - (expected - came)} of ${count}`,
    goal.join('; '),
  ]);
  expected = came;
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function sayMemory(way: WholeWay, when: string): void {
  const [tracer, agent] = [memory(way.producerPid), memory(way.agentPid)];
  const goals = `tracer ≤ 20 MB: ${tracer.now <= 20e6 ? 'met' : 'MISSED'}`;
  say(`memory ${when}: tracer ${mb(tracer.now)}, agent ${mb(agent.now)} (peak ${mb(agent.peak)}); ${goals}`);
}

/** Single commands, a while apart: how long until their spans are there. */
async function latency(bench: Bench, way: WholeWay): Promise<void> {
  const count = 40;
  await way.arrived(TARGET);
  await bench.inside.ask(`pace ${count} 10 ${bench.inside.target} seen`);
  expected += count;
  let latenciesMs: readonly number[] = [];
  for (let tries = 0; latenciesMs.length < count && tries < 100; tries++) {
    ({ latenciesMs } = await way.arrived(TARGET));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (latenciesMs.length !== count) failed = true;
  const [p10, p50, p99] = [0.1, 0.5, 0.99].map((share) => `${quantile(latenciesMs, share).toFixed(0)} ms`);
  say(
    `from a command’s end to its span at the collector, ${latenciesMs.length} of ${count}: p10 ${p10}, p50 ${p50}, p99 ${p99}`,
  );
}

/** The least ring, and a tracer that does not read for a while: what came and what is told as lost must be all there was. */
async function forcedLoss(bench: Bench): Promise<void> {
  const producer = await startProducer(['--listener', String(bench.lab.listenerPid), '--ring-size', '65536']);
  try {
    await producer.caughtUp();
    const first = producer.rows.length;
    process.kill(producer.pid, 'SIGSTOP');
    await bench.inside.ask(`burst ${FORCED} 1 ${bench.inside.target} forced`);
    process.kill(producer.pid, 'SIGCONT');
    await producer.caughtUp();
    await producer.stop();
    const later = producer.rows.slice(first);
    const came = (kind: string): number => later.filter((row) => row.k === kind).length;
    const lost = (kind: string): number =>
      sum(later.filter((row) => row.k === 'lost' && row['of'] === kind).map((row) => Number(row['n'])));
    // One worker besides the commands themselves, which forks but does not exec.
    const tally = { fork: FORCED + 1, exec: FORCED, exit: FORCED + 1 };
    const parts = Object.entries(tally).map(([kind, made]) => {
      const exact = came(kind) + lost(kind) === made && lost(kind) > 0;
      if (!exact) failed = true;
      return `${kind}: ${came(kind)} came + ${lost(kind)} told as lost of ${made}, ${exact ? 'exact' : 'WRONG'}`;
    });
    say(`forced loss (ring of 64 kB, tracer held): ${parts.join('; ')}`);
  } finally {
    await producer.stop();
  }
}

async function idle(way: WholeWay): Promise<void> {
  const pids = [way.producerPid, way.agentPid, way.supervisorPid];
  const before = pids.map(cpuNs);
  const seconds = 3;
  await new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));
  idleNs = pids.map((pid, index) => (cpuNs(pid) - (before[index] ?? 0)) / seconds);
  const [tracer, agent, supervisor] = idleNs.map((ns) => `${(ns / 1e6).toFixed(1)} ms/s`);
  say(`idle, one session open: tracer ${tracer}, agent ${agent}, supervisor ${supervisor}`);
}

async function attachTimes(bench: Bench): Promise<void> {
  const times: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < 7; round++) {
    const startMs = performance.now();
    const producer = await startProducer(['--listener', String(bench.lab.listenerPid)]);
    times.push((performance.now() - startMs) / 1_000);
    cpu.push(cpuNs(producer.pid) / 1e6);
    await producer.stop();
  }
  const [least, middle] = [Math.min(...times), median(times)];
  const goal = middle <= 0.2 ? 'met' : least <= 0.2 ? `cannot tell (least ${least.toFixed(2)} s)` : 'MISSED';
  say(
    `libbpf attached after ${middle.toFixed(2)} s (least ${least.toFixed(2)}), ${median(cpu).toFixed(0)} ms of it CPU; ≤ 0.2 s: ${goal}`,
  );
}

const bench = await startBench();
try {
  const { target } = bench.inside;
  const way = await startWholeWay(bench.lab, PRODUCER);
  try {
    sayMemory(way, 'at the start');
    // Not measured: the agent's code is compiled as it is first used.
    await bench.inside.ask(`pace ${WARM_UP} 1000 ${target} warm`);
    expected += WARM_UP;
    expected = await way.settled(TARGET, expected);
    await idle(way);
    await rate(bench, way, '100 a second', 100 * SECONDS, `pace ${100 * SECONDS} 100 ${target} slow`);
    await rate(bench, way, '1,000 a second', 1_000 * SECONDS, `pace ${1_000 * SECONDS} 1000 ${target} quick`);
    await rate(bench, way, 'as many as it makes', BURST, `burst ${BURST} 2 ${target} burst`);
    await latency(bench, way);
    sayMemory(way, `after ${expected.toLocaleString('en')} processes`);
    await rate(bench, way, 'many in succession', PROCESSES, `burst ${PROCESSES} 2 ${target} many`);
    sayMemory(way, `after ${expected.toLocaleString('en')} processes`);
    await bench.inside.ask(`alive ${ALIVE}`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    sayMemory(way, `with ${ALIVE.toLocaleString('en')} processes alive`);
    await bench.inside.ask('reap');
  } finally {
    const said = await way.stop();
    const complaints = said.split('\n').filter((line) => /warning|lost|drop/i.test(line));
    if (complaints.length > 0) say(`the agent said:\n  ${complaints.join('\n  ')}`);
  }
  say(`\n${table(rows)}\n`);
  await forcedLoss(bench);
  await attachTimes(bench);
} finally {
  await bench.stop();
}
if (failed) {
  say('FAILED: something that happened did not arrive');
  process.exitCode = 1;
}
