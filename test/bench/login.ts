/**
 * What it costs who logs in and who moves data: `node test/bench/login.ts [--rounds N] [--logins N] [--megabytes N]`.
 *
 * In alternating rounds with nothing attached and with the whole way (libbpf, agent, collector): bytes through `ssh cat`,
 * sftp and a port forward, and logins one after the other. Bytes are counted, and each login must arrive as a trace.
 * Needs root; about 2 minutes. `--rounds 10 --logins 1000` on a quiet machine.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Lab } from '../../agent/lab/lab.ts';
import { startChild } from '../../agent/source/child-process.ts';
import { type Figure, figure, median, option, quantile, ratio, say, sum, table, verdict } from './figures.ts';
import { cpuNs, programTimes } from './usage.ts';
import { startWholeWay, type WholeWay } from './whole-way.ts';
import { type Bench, startBench } from './workload.ts';

const ROUNDS = option('rounds', 4);
const LOGINS = option('logins', 200);
const BYTES = option('megabytes', 300) * 1_000_000;
/** Name of a connection's root span. */
const ROOT = 'ssh.connection';

type Move = (lab: Lab) => Promise<void>;

/** Runs an ssh client and counts what it prints. */
async function bytesOf(program: string, args: readonly string[]): Promise<number> {
  const child = startChild({ command: program, args, env: { PATH: '/usr/bin:/bin' } });
  let bytes = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const [{ reason, code }] = await Promise.all([child.exited, once(child.stdout ?? process.stdin, 'close')]);
  if (code !== 0) throw new Error(`${program} ${reason}: ${child.stderrTail()}`);
  return bytes;
}

function expectAll(bytes: number): void {
  if (bytes !== BYTES) throw new Error(`${bytes} bytes came, not ${BYTES}`);
}

const place = (lab: Lab): readonly string[] => ['-p', String(lab.port), '-l', 'alice', '127.0.0.1'];

const cat: Move = async (lab) => {
  expectAll(await bytesOf('ssh', [...lab.sshArguments(), ...place(lab), `head -c ${BYTES} /dev/zero`]));
};

const sftp: Move = async (lab) => {
  const to = join(lab.insideRoot, 'dev/shm/fetched');
  await bytesOf('sftp', [
    ...[...lab.sshArguments(), '-P', String(lab.port)],
    ...['alice@127.0.0.1:/dev/shm/bench-data', to],
  ]);
  expectAll(statSync(to).size);
  await rm(to);
};

/** Sends the bytes to whoever connects. */
async function startSource(): Promise<Server> {
  const block = Buffer.alloc(1_000_000);
  const server = createServer((socket) => {
    let left = BYTES;
    const more = (): void => {
      while (left > 0) {
        left -= block.length;
        if (!socket.write(block)) return;
      }
      socket.end();
    };
    socket.on('drain', more).on('error', () => undefined);
    more();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const forward: Move = async (lab) => {
  const source = await startSource();
  const { port } = source.address() as AddressInfo;
  const entrance = join(lab.folder, 'entrance');
  const args = [...lab.sshArguments(), '-L', `${entrance}:127.0.0.1:${port}`, ...place(lab), 'echo open; exec cat'];
  const child = startChild({ command: 'ssh', args, env: { PATH: '/usr/bin:/bin' }, stdin: 'pipe' });
  await once(child.stdout ?? process.stdin, 'data');
  const socket = connect(entrance);
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await once(socket, 'close');
  child.stdin?.end();
  await child.exited;
  source.close();
  await rm(entrance, { force: true });
  expectAll(bytes);
};

const MOVES: readonly (readonly [string, Move])[] = [
  ['ssh cat', cat],
  ['sftp', sftp],
  ['port forward', forward],
];

async function login(lab: Lab): Promise<number> {
  const startMs = performance.now();
  await bytesOf('ssh', [...lab.sshArguments(), ...place(lab), 'true']);
  return performance.now() - startMs;
}

interface Side {
  readonly seconds: Map<string, number[]>;
  readonly loginMs: number[];
  /** Of each round: logins a second. */
  readonly perSecond: number[];
}

const newSide = (): Side => ({ seconds: new Map(MOVES.map(([name]) => [name, []])), loginMs: [], perSecond: [] });

async function play(lab: Lab, side: Side): Promise<void> {
  for (const [name, move] of MOVES) {
    const startMs = performance.now();
    await move(lab);
    side.seconds.get(name)?.push((performance.now() - startMs) / 1_000);
  }
  const startMs = performance.now();
  const count = Math.ceil(LOGINS / ROUNDS);
  for (let index = 0; index < count; index++) side.loginMs.push(await login(lab));
  side.perSecond.push((1_000 * count) / (performance.now() - startMs));
}

const paired = (after: readonly number[], before: readonly number[]): number[] =>
  after.map((value, index) => value / (before[index] ?? Number.NaN));

/** Every connection of the rounds that were traced must have come as one trace. */
async function checkTraces(way: WholeWay, expected: number): Promise<void> {
  const came = await way.settled(ROOT, expected);
  if (came !== expected) throw new Error(`${came} traces came of ${expected} connections`);
}

/** What we take while something happens, by the kernel's clocks: ns of the CPU in BPF programs, and in our processes. */
interface Taken {
  readonly kernelNs: number;
  readonly userNs: number;
  readonly ms: number;
}

async function taken(bench: Bench): Promise<ReadonlyMap<string, Taken>> {
  const way = await startWholeWay(bench.lab);
  const off = await bench.statistics();
  try {
    const pids = [way.producerPid, way.agentPid, way.supervisorPid];
    const kernel = (): number => sum([...programTimes(way.producerPid).values()].map(({ ns }) => ns));
    const all = new Map<string, Taken>();
    // Not counted: the agent's code is compiled as it is first used, and spans are made some seconds after the fact.
    await tenLogins(bench.lab);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const [name, move] of [...MOVES, ['10 logins', tenLogins] as const]) {
      const [kernelBefore, userBefore, startMs] = [kernel(), sum(pids.map(cpuNs)), performance.now()];
      await move(bench.lab);
      const ms = performance.now() - startMs;
      all.set(name, { kernelNs: kernel() - kernelBefore, userNs: sum(pids.map(cpuNs)) - userBefore, ms });
    }
    return all;
  } finally {
    await off();
    await way.stop();
  }
}

const tenLogins: Move = async (lab) => {
  for (let index = 0; index < 10; index++) await login(lab);
};

/** By the runs, or, where these cannot tell, by what was taken. */
function judge(figures: Figure, what: Taken | undefined): string {
  const byRuns = verdict(figures, 1.02);
  if (what === undefined || !byRuns.startsWith('cannot')) return byRuns;
  return `${(what.kernelNs + what.userNs) / 1e6 <= 0.02 * what.ms ? 'met' : 'MISSED'} by what was taken; the runs ${byRuns}`;
}

const bench = await startBench();
const { lab } = bench;
try {
  await lab.ssh({ command: `head -c ${BYTES} /dev/zero > /dev/shm/bench-data` });
  const [without, with_] = [newSide(), newSide()];
  let connections = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const traced = async (): Promise<void> => {
      const way = await startWholeWay(lab);
      try {
        await play(lab, with_);
        connections = MOVES.length + Math.ceil(LOGINS / ROUNDS);
        await checkTraces(way, connections);
      } finally {
        await way.stop();
      }
    };
    // The other one first in each second round: whatever grows or tires meanwhile hits both.
    if (round % 2 === 0) await play(lab, without);
    await traced();
    if (round % 2 === 1) await play(lab, without);
  }
  const cost = await taken(bench);
  const rows = MOVES.map(([name]) => {
    const [plain, traced] = [without.seconds.get(name) ?? [], with_.seconds.get(name) ?? []];
    const figures = figure(paired(traced, plain));
    const least = Math.min(...traced) / Math.min(...plain);
    return [
      `${BYTES / 1e6} MB, ${name}`,
      `${median(plain).toFixed(2)} s, least ${Math.min(...plain).toFixed(2)}`,
      `${median(traced).toFixed(2)} s, least ${Math.min(...traced).toFixed(2)}`,
      ratio(figures),
      `x${least.toFixed(3)}`,
      judge(figures, cost.get(name)),
    ];
  });
  const logins = [0.1, 0.5, 0.99].map((share) => {
    const [plain, traced] = [quantile(without.loginMs, share), quantile(with_.loginMs, share)];
    const what = `login, p${share * 100}, of ${without.loginMs.length}`;
    return [what, `${plain.toFixed(0)} ms`, `${traced.toFixed(0)} ms`, '', `x${(traced / plain).toFixed(3)}`, ''];
  });
  const [plain, traced] = [figure(without.perSecond), figure(with_.perSecond)];
  const rate = figure(paired(without.perSecond, with_.perSecond));
  rows.push(...logins, [
    'logins/s, one after the other',
    `${plain.median.toFixed(2)} ±${plain.spread.toFixed(2)}`,
    `${traced.median.toFixed(2)} ±${traced.spread.toFixed(2)}`,
    ratio(rate),
    '',
    judge(rate, cost.get('10 logins')),
  ]);
  say(table([['', 'nothing attached', 'libbpf, agent, export', 'pairs', 'least to least', 'goal +2 %'], ...rows]));
  const parts = [...cost].map(([name, { kernelNs, userNs, ms }]) => {
    const share = (100 * (kernelNs + userNs)) / 1e6 / ms;
    const [kernel, user] = [kernelNs, userNs].map((ns) => `${(ns / 1e6).toFixed(1)} ms`);
    return `${name}: ${kernel} in the kernel (all of the host’s), ${user} in our processes, of ${(ms / 1_000).toFixed(2)} s (${share.toFixed(1)} %)`;
  });
  say(`what we took of the CPU:\n  ${parts.join('\n  ')}`);
  say(`every traced connection came as a trace: ${ROUNDS} x ${connections}`);
} finally {
  await bench.stop();
}
