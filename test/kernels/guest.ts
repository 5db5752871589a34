/** Boots a Debian kernel under emulation with that suite's sshd, ssh and bpftrace, and takes what it prints. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bpftraceCommand } from '../../agent/source/bpftrace-producer.ts';
import type { Run } from './check-run.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = process.env['SSHD_OTEL_KERNELS'] ?? '/var/tmp/sshd-otel-kernels';
const SCRIPT = join(HERE, '../../ebpf/sshd-otel.bt');
const PACKAGES = ['openssh-server', 'openssh-client', 'openssh-sftp-server', 'util-linux', 'bpftrace', 'libc6'];

/** Suites that have only packages that differ from another suite's: the kernel is theirs, the programs are the other's. */
const PROGRAMS_OF: Readonly<Record<string, string>> = { experimental: 'sid' };

export interface Guest {
  /** Version of the kernel, for people. */
  readonly name: string;
  readonly kernel: string;
  /** What it has for a disk: without bpftrace, and with it and its 250 MB of libraries. */
  readonly root: string;
  readonly bpftraceRoot: string;
}

/** Fetched once; roots are made anew, for the producer is in them. @throws Error with what failed */
export function prepareGuest(suite: string): Guest {
  const folder = join(CACHE, suite);
  mkdirSync(folder, { recursive: true });
  const kernel = must(join(HERE, 'fetch-kernel.sh'), [suite, folder]);
  const programs = join(folder, 'programs');
  must(join(HERE, '../deploy/debian/packages.sh'), [
    PROGRAMS_OF[suite] ?? suite,
    programs,
    '--needs=^(lib|zlib1g)',
    ...PACKAGES,
  ]);
  const [root, bpftraceRoot] = [join(folder, 'root.cpio'), join(folder, 'bpftrace.cpio')];
  must(join(HERE, 'make-root.sh'), [programs, root]);
  const producer = join(folder, 'bpftrace-producer');
  writeFileSync(producer, bpftraceScript());
  chmodSync(producer, 0o755);
  must(join(HERE, 'make-root.sh'), [programs, bpftraceRoot, '/usr/bin/bpftrace', SCRIPT, producer]);
  const name = must('cat', [join(folder, 'package')]).replace(/^linux-(image|binary)-/, '');
  return { name, kernel, root, bpftraceRoot };
}

/** As the agent would start it, but for this boot's id and the listener's pid, which guest-init puts in. */
function bpftraceScript(): string {
  const { command, args, env } = bpftraceCommand('/usr/bin/bpftrace', {
    script: '/lab/sshd-otel.bt',
    version: '0.0.0',
    bootId: '00000000-0000-0000-0000-000000000000',
    hostName: 'guest',
    cpus: 1,
    listenerPid: 4_194_303,
    seeds: { roots: [{ pid: 4_194_303, kind: 'listener' }], pids: [], untold: 0 },
  });
  const quoted = [command, ...args].map((word) => `'${word}'`).join(' ');
  const settings = Object.entries(env ?? {}).map(([name, value]) => `export ${name}='${value}'\n`);
  return `#!/bin/sh\n${settings.join('')}exec ${quoted}\n`;
}

export interface Boot {
  readonly root: string;
  readonly modes: readonly string[];
  readonly story: readonly string[];
  readonly megabytes: number;
  /** The emulator is ended after so long. */
  readonly seconds: number;
  /** For the kernel's command line: `load=6 lockdown=confidentiality`. */
  readonly more?: string;
  readonly progress: (what: string) => void;
}

/** Runs it to its end; `progress` hears of each mode as the guest comes to it. */
export async function boot(
  guest: Guest,
  { root, modes, story, megabytes, seconds, more = '', progress }: Boot,
): Promise<Run[]> {
  // One CPU: programs preempt each other as often as they can, and the emulator takes one core.
  const machine = ['-accel', 'tcg', '-cpu', 'max', '-m', String(megabytes), '-smp', '1', '-nographic', '-no-reboot'];
  const append = `console=ttyS0 panic=-1 quiet modes=${modes.join(',')} story=${story.join(',')} ${more}`;
  const args = ['-nic', 'none', '-kernel', guest.kernel, '-initrd', root, '-append', append];
  const emulator = spawn(
    'timeout',
    ['--foreground', '-k', '5', String(seconds), 'nice', '-n', '10', 'qemu-system-x86_64', ...machine, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(emulator, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: emulator.stdout.setEncoding('latin1') })) {
    lines.push(line);
    const said = /=== (.*)/.exec(line)?.[1];
    if (said !== undefined) progress(said.trim());
  }
  await ended;
  return runsOf(lines.join('\n'));
}

/** What a guest's console shows, a run for each mode. */
export function runsOf(console: string): Run[] {
  const runs: Run[] = [];
  for (const line of console.split(/\r*\n/)) {
    const mode = /=== mode (\S+)/.exec(line)?.[1];
    if (mode !== undefined) runs.push({ mode, lines: [], said: [], did: [] });
    const run = runs.at(-1);
    if (run === undefined) continue;
    const [, kind, text = ''] = /^(stream|errors|did|ready|status): (.*)$/s.exec(line) ?? [];
    if (kind === 'stream') run.lines.push(text);
    else if (kind === 'errors') run.said.push(text);
    else if (kind === 'did') run.did.push(text);
    else if (kind === 'ready') run.ready = Number(text);
    else if (kind === 'status') run.status = Number(text);
  }
  return runs;
}

function must(command: string, args: readonly string[]): string {
  const run = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
  if (run.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${run.error?.message ?? `status ${run.status}`}`);
  return run.stdout.trim();
}
