/** The tools that `kernel.ts` compares, each as something that can be attached, and asked how many execs it told of. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildCommand, startChild } from '../../agent/source/child-process.ts';
import { libbpfCommand } from '../../agent/source/libbpf-producer.ts';
import { findProducers, PACKAGE_ROOT } from '../../agent/supervise/producers.ts';
import { cpuNs, tracingDescriptors } from './usage.ts';
import { TARGET } from './workload.ts';

/** Where a tool is attached. */
export interface Site {
  readonly listenerPid: number;
  /** The workloads' own pids, for what cannot watch the whole host. */
  readonly pids: readonly number[];
  /** Private; outputs go there. */
  readonly folder: string;
}

/** What was measured under a tool. */
export interface Ran {
  readonly tag: string;
  /** Target's path as the one who executed it saw it. */
  readonly target: string;
  readonly execs: number;
}

export interface Tool {
  readonly name: string;
  /** Whether it tells of sessions only, so that of others it must not tell. */
  readonly sessionsOnly: boolean;
  /** Each how many rounds: what takes seconds to attach comes seldom. 0: once, at the end. */
  readonly every: number;
  /** It can't tell the runs apart: every answer is the sum. */
  readonly together?: boolean;
  /** What is measured after it is slower than before: it comes last, and only what came before is its baseline. */
  readonly spoils?: boolean;
  /** What ends it; SIGINT if absent. */
  readonly signal?: NodeJS.Signals;
  /** Takes back what the tool leaves. */
  readonly after?: () => void;
  /** Why it can't be measured here. */
  readonly missing?: string | undefined;
  readonly command: (site: Site, output: string) => Promise<ChildCommand>;
  /** Whether it is attached, by what it has written so far and by its process. */
  readonly ready: (child: Child, written: string, site: Site) => boolean;
  /** How many execs of this run it told of. `written` is what it wrote to standard output. */
  readonly told: (ran: Ran, written: string, output: string) => number;
}

export interface Attached {
  readonly pid: number;
  /** From the start of the program to its readiness, ms. */
  readonly attachMs: number;
  /** Of the CPU meanwhile, ms: this is what a machine with nothing else to do would need, at least. */
  readonly attachCpuMs: number;
  /** Ends it and returns how many execs of each run it told of. */
  detach(ran: readonly Ran[]): Promise<readonly number[]>;
}

/** A tool that is not attached after so long is broken. */
const PATIENCE_MS = 30_000;
const LONGEST_OUTPUT = 2 ** 28;

/** Attaches a tool and waits until it watches. @throws Error with what it said if it doesn't */
export async function attach(tool: Tool, site: Site): Promise<Attached> {
  const output = join(site.folder, `${tool.name.replaceAll(/\W/g, '')}.out`);
  const stdout = join(site.folder, `${tool.name.replaceAll(/\W/g, '')}.stdout`);
  const command = await tool.command(site, output);
  const fd = openSync(stdout, 'w', 0o600);
  const startMs = performance.now();
  const child = startChild({ ...command, stdin: 'pipe', stdout: fd });
  closeSync(fd);
  let over = '';
  void child.exited.then(({ reason }) => {
    over = reason;
  });
  while (!tool.ready(child, readFileSync(stdout, 'latin1'), site)) {
    const late = performance.now() - startMs > PATIENCE_MS;
    if (late) await child.stop('SIGKILL');
    if (late || over !== '') tool.after?.();
    if (late || over !== '') throw new Error(`${tool.name} ${over || 'does not get ready'}: ${child.stderrTail()}`);
    await sleep(2);
  }
  return {
    pid: child.pid ?? 0,
    attachMs: performance.now() - startMs,
    attachCpuMs: cpuNs(child.pid ?? 0) / 1e6,
    async detach(ran) {
      // What is on its way is let through: several tools drop it when they are told to end.
      await sleep(600);
      const { reason } = await child.stop(tool.signal ?? 'SIGINT', 10_000);
      tool.after?.();
      if (reason.includes('SIGKILL')) throw new Error(`${tool.name} did not end: ${child.stderrTail()}`);
      const written = readFileSync(stdout, 'latin1');
      return ran.map((one) => tool.told(one, written, output));
    },
  };
}

const occurrences = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** Tags are the argument, and in our streams arguments are hex. */
function toldInHex({ tag }: Ran, written: string): number {
  const hex = Buffer.from(`\0${tag}\0`).toString('hex');
  return occurrences(written.replaceAll(/(?<=[0-9a-f]{2}) (?=[0-9a-f]{2})/g, ''), new RegExp(hex, 'g'));
}

/**
 * A tool that does not say when it has attached has done so when the number of what it holds has not changed for so long.
 * bpftrace compiles between its first descriptors and its last.
 */
function steadyDescriptors(steadyMs: number): Tool['ready'] {
  let seen = 0;
  let sinceMs = 0;
  return (child) => {
    const held = tracingDescriptors(child.pid ?? 0);
    if (held !== seen) {
      seen = held;
      sinceMs = performance.now();
    }
    return held > 1 && performance.now() - sinceMs > steadyMs;
  };
}

function where(...places: readonly string[]): { program: string; missing?: string | undefined } {
  const program = places.find((place) => existsSync(place));
  return program === undefined ? { program: '', missing: `no ${places[0]}` } : { program };
}

function ours(name: string, options: { exact?: boolean }): Tool {
  const { program, missing } = where(`${PACKAGE_ROOT}/ebpf/.output/sshd-otel-producer`);
  return {
    name,
    sessionsOnly: true,
    every: 1,
    missing,
    command: ({ listenerPid }) => Promise.resolve(libbpfCommand(program, { listenerPid, ...options })),
    ready: (_child, written) => written.includes('{"k":"seed-end"'),
    told: toldInHex,
  };
}

function ourScript(): Tool {
  let release = (): void => undefined;
  return {
    name: 'bpftrace (our script)',
    sessionsOnly: true,
    every: 3,
    missing: where('/usr/bin/bpftrace').missing,
    async command({ listenerPid }) {
      const { candidates, missing = '' } = await findProducers('bpftrace', { listenerPid });
      // Prepared: the session in which execs are timed runs already.
      const prepared = candidates[0]?.prepare?.();
      if (prepared === undefined) throw new Error(missing);
      release = prepared.release;
      return prepared.command;
    },
    ready: (_child, written) => written.includes('{"k":"seed-end"'),
    told: toldInHex,
    after: () => release(),
  };
}

function execsnoop(): Tool {
  const { program, missing } = where('/usr/sbin/execsnoop');
  return {
    name: 'execsnoop (libbpf-tools)',
    sessionsOnly: false,
    every: 1,
    missing,
    command: () => Promise.resolve({ command: program, args: [] }),
    ready: steadyDescriptors(400),
    told: ({ tag }, written) => occurrences(written, new RegExp(` ${tag}( |$)`, 'gm')),
  };
}

const SCHED_EVENTS = ['sched_process_fork', 'sched_process_exec', 'sched_process_exit'].flatMap((one) => [
  '-e',
  `sched:${one}`,
]);
const PERF = where('/usr/bin/perf');

/** All tools, cheapest first. */
export function allTools(): readonly Tool[] {
  return [
    ours('libbpf', {}),
    ours('libbpf --exact', { exact: true }),
    ourScript(),
    execsnoop(),
    {
      name: 'execsnoop.bt (bpftrace)',
      sessionsOnly: false,
      every: 3,
      missing: where('/usr/sbin/execsnoop.bt', '/usr/bin/bpftrace').missing,
      command: () => Promise.resolve({ command: '/usr/bin/bpftrace', args: ['/usr/sbin/execsnoop.bt'] }),
      ready: steadyDescriptors(2_500),
      told: ({ tag }, written) => occurrences(written, new RegExp(` ${tag}$`, 'gm')),
    },
    {
      name: 'perf record, sched events',
      sessionsOnly: false,
      every: 1,
      missing: PERF.missing,
      command: (_site, output) =>
        Promise.resolve({ command: PERF.program, args: ['record', '-q', '-a', '-o', output, ...SCHED_EVENTS] }),
      ready: steadyDescriptors(400),
      told({ target }, _written, output) {
        const text = execFileSync(PERF.program, ['script', '-i', output, '-F', 'event,trace'], {
          stdio: ['ignore', 'pipe', 'ignore'],
          maxBuffer: LONGEST_OUTPUT,
        }).toString('latin1');
        return occurrences(text, new RegExp(`filename=${escaped(target)} `, 'g'));
      },
    },
    {
      name: 'perf trace -a -s',
      sessionsOnly: false,
      every: 0,
      missing: PERF.missing,
      command: (_site, output) => Promise.resolve({ command: PERF.program, args: ['trace', '-a', '-s', '-o', output] }),
      ready: steadyDescriptors(400),
      // It names threads, not files: outside and inside can't be told apart.
      together: true,
      told: (_ran, _written, output) =>
        occurrences(readFileSync(output, 'latin1'), new RegExp(`^ ${TARGET} \\(\\d+\\), \\d+ events`, 'gm')),
    },
    {
      name: 'strace -f -e execve',
      sessionsOnly: false,
      every: 0,
      missing: where('/usr/bin/strace').missing,
      command: ({ pids }, output) =>
        Promise.resolve({
          command: '/usr/bin/strace',
          args: ['-f', '-e', 'trace=execve', '-o', output, ...pids.flatMap((pid) => ['-p', String(pid)])],
        }),
      ready: (child, _written, { pids }) =>
        pids.every((pid) => readFileSync(`/proc/${pid}/status`, 'utf8').includes(`TracerPid:\t${child.pid}\n`)),
      told: ({ tag }, _written, output) =>
        occurrences(readFileSync(output, 'latin1'), new RegExp(`execve\\(.*"${tag}"`, 'g')),
    },
  ];
}
