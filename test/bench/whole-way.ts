/** The whole way that a customer has: tracer, agent, and a collector in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../agent/lab/lab.ts';
import { startChild } from '../../agent/source/child-process.ts';
import { PACKAGE_ROOT } from '../../agent/supervise/producers.ts';
import type { NamingCommand, NamingReport } from './naming-sink.ts';
import { commandOf, descendants } from './usage.ts';

export interface WholeWay {
  readonly producerPid: number;
  readonly agentPid: number;
  /** The process that started both. */
  readonly supervisorPid: number;
  /** What has arrived at the collector; `timed`: see `naming-sink.ts`. */
  arrived(timed?: string): Promise<NamingReport>;
  /** Resolves when so many spans of that name have arrived, or no more have come for 10 s. Returns how many there are. */
  settled(name: string, count: number): Promise<number>;
  /** Ends all in order; what it said on standard error. */
  stop(): Promise<string>;
}

/** What is installed, if it was built: sources would have to be stripped of their types first, which takes memory. */
export function agentProgram(): string {
  const built = join(PACKAGE_ROOT, 'dist/main.js');
  return existsSync(built) ? built : join(PACKAGE_ROOT, 'agent/main.ts');
}

/** Starts `sshd-otel run` for the laboratory, resolves when it waits for connections. @throws Error with what it said */
export async function startWholeWay(lab: Lab, producer: 'libbpf' | 'bpftrace' = 'libbpf'): Promise<WholeWay> {
  const sink: ChildProcess = fork(join(import.meta.dirname, 'naming-sink.ts'));
  const arrived = async (timed = ''): Promise<NamingReport> => {
    const answer = once(sink, 'message');
    sink.send({ timed } satisfies NamingCommand);
    const [report] = await answer;
    return report;
  };
  const { port } = await arrived();
  const folder = await mkdtemp(join(tmpdir(), 'sshd-otel-bench-'));
  const ready = Promise.withResolvers<void>();
  let said = '';
  const child = startChild({
    command: process.execPath,
    args: [
      ...[agentProgram(), 'run', '--config', '/dev/null', '--producer', producer],
      ...['--listener', String(lab.listenerPid), '--state-dir', join(folder, 'state')],
    ],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
    stdin: 'pipe',
    stdout: 'ignore',
    onStderrLine(line) {
      said += `${line}\n`;
      if (line.includes('waiting for connections')) ready.resolve();
    },
  });
  const end = async (): Promise<void> => {
    await child.stop('SIGTERM', 30_000);
    sink.disconnect();
    await rm(folder, { recursive: true, force: true });
  };
  void child.exited.then(({ reason }) => ready.reject(new Error(`sshd-otel run ${reason}: ${said}`)));
  try {
    await ready.promise;
  } catch (error) {
    await end();
    throw error;
  }
  const supervisorPid = child.pid ?? 0;
  const started = descendants(supervisorPid);
  const find = (part: string): number => started.find((pid) => commandOf(pid).includes(part)) ?? 0;
  return {
    supervisorPid,
    agentPid: find(' agent '),
    producerPid: find(producer === 'libbpf' ? 'sshd-otel-producer' : 'bpftrace'),
    arrived,
    async settled(name, count) {
      let came = 0;
      for (let still = 0; still < 100 && came < count; still++) {
        const { names } = await arrived();
        const now = names[name] ?? 0;
        if (now > came) still = 0;
        came = now;
        await sleep(100);
      }
      return came;
    },
    async stop() {
      await end();
      return said;
    },
  };
}
