/** The program that the benchmarks run, outside and inside a session of a private sshd. */
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lab, type LabOptions, startLab } from '../../agent/lab/lab.ts';
import { type Child, startChild } from '../../agent/source/child-process.ts';

/** What is executed, over and over: the machine's own `true` under a name that nobody else uses. */
export const TARGET = 'bench-true';

/** The running program; see `workload.c` for what it takes. */
export interface Workload {
  /** Of the program, outside a session; inside one that of its client. */
  readonly pid: number;
  /** Path of `TARGET` as the program sees it. */
  readonly target: string;
  /** Does one thing and returns the numbers that it printed, ns. */
  ask(line: string): Promise<readonly number[]>;
  end(): Promise<void>;
}

/** A laboratory with the program in it, and both programs running. */
export interface Bench {
  readonly lab: Lab;
  /** Of no interest to anybody who watches sshd. */
  readonly outside: Workload;
  /** In a session of alice's that was open before any tool came. */
  readonly inside: Workload;
  /** Another such session. */
  session(): Workload;
  /** Lets the kernel measure BPF programs until the result is called. */
  statistics(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** Compiles the program and starts all. Needs root, a C compiler and OpenSSH. */
export async function startBench(options: LabOptions = {}): Promise<Bench> {
  const out = join(import.meta.dirname, '../../.output/bench');
  await mkdir(out, { recursive: true });
  const program = join(out, 'workload');
  execFileSync('cc', [
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-static',
    '-o',
    program,
    join(import.meta.dirname, 'workload.c'),
  ]);
  const lab = await startLab({ authorizedKeysSeconds: 0, ...options });
  try {
    const within = join(lab.insideRoot, 'run/lab');
    for (const folder of [within, lab.folder]) {
      await copyFile('/bin/true', join(folder, TARGET));
      await chmod(join(folder, TARGET), 0o755);
      await copyFile(program, join(folder, 'workload'));
      await chmod(join(folder, 'workload'), 0o755);
    }
    const own = join(lab.folder, 'workload');
    const running: Conversation[] = [];
    const begin = (program: string, args: readonly string[], target: string): Conversation => {
      const conversation = new Conversation(program, args, target);
      running.push(conversation);
      return conversation;
    };
    const session = () => {
      const destination = ['-p', String(lab.port), '-l', 'alice', '127.0.0.1'];
      const args = [...lab.sshArguments(), ...destination, 'exec /run/lab/workload serve'];
      return begin('ssh', args, `/run/lab/${TARGET}`);
    };
    return {
      lab,
      outside: begin(own, ['serve'], join(lab.folder, TARGET)),
      inside: session(),
      session,
      async statistics() {
        const holder = begin(own, ['statistics'], '');
        await holder.ask('');
        return () => holder.end();
      },
      async stop() {
        await Promise.all(running.map((one) => one.end()));
        await lab.stop();
      },
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

class Conversation implements Workload {
  readonly target: string;
  readonly pid: number;
  readonly #child: Child;
  #text = '';
  #answered = Promise.withResolvers<readonly number[]>();

  constructor(program: string, args: readonly string[], target: string) {
    this.target = target;
    const command = ['--pdeathsig', 'KILL', '--', program, ...args];
    const env = { PATH: '/usr/bin:/bin' };
    this.#child = startChild({ command: 'setpriv', args: command, env, stdin: 'pipe', detached: true });
    this.pid = this.#child.pid ?? 0;
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      if (!this.#text.endsWith('done\n')) return;
      this.#answered.resolve(this.#text.slice(0, -5).split(/\s+/).filter(Boolean).map(Number));
    });
    void this.#child.exited.then(({ reason }) => {
      this.#answered.reject(new Error(`${program} ${reason}: ${this.#child.stderrTail()}`));
    });
    this.#answered.promise.catch(() => undefined);
  }

  async ask(line: string): Promise<readonly number[]> {
    this.#child.stdin?.write(`${line}\n`);
    const numbers = await this.#answered.promise;
    this.#text = '';
    this.#answered = Promise.withResolvers();
    this.#answered.promise.catch(() => undefined);
    return numbers;
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#child.exited;
  }
}
