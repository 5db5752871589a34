/** One client process: what it printed and when it ended. */
import type { Readable } from 'node:stream';
import { startChild } from '../source/child-process.ts';

/** A client that has ended. */
export interface ClientRun {
  readonly pid: number;
  /** Exit status, for ssh that of the command or 255; absent if a signal ended it. */
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** Bytes as Latin-1: each byte is one character. */
  readonly stdout: string;
  /** Likewise; holds what `-v` tells. */
  readonly stderr: string;
  /** Unix time, ms. */
  readonly startedMs: number;
  readonly endedMs: number;
}

/** A client that runs. */
export interface ClientSession {
  readonly pid: number;
  write(text: string | Uint8Array): void;
  /** Resolves when stdout holds it, not before position `after`; with the position behind it. @throws Error if the client ends first */
  waitFor(text: string, after?: number): Promise<number>;
  /** The same for stderr. */
  waitForDebug(text: string, after?: number): Promise<number>;
  /** Ends its input. */
  end(last?: string | Uint8Array): void;
  kill(signal: NodeJS.Signals): void;
  readonly finished: Promise<ClientRun>;
}

/** Starts a client that dies with us. @throws Error if it could not be started */
export function startClient(program: string, args: readonly string[], env: Record<string, string>): ClientSession {
  const startedMs = Date.now();
  const child = startChild({
    command: 'setpriv',
    args: ['--pdeathsig', 'KILL', '--', program, ...args],
    env,
    stdin: 'pipe',
    detached: true,
  });
  const { pid, stdin } = child;
  if (pid === undefined || stdin === undefined) throw new Error(`${program} could not be started`);
  stdin.on('error', () => undefined);
  const stdout = new Transcript(child.stdout as Readable);
  const stderr = new Transcript(child.stdio[2] as Readable);
  const finished = child.exited.then(async (exit): Promise<ClientRun> => {
    const endedMs = Date.now();
    await Promise.all([stdout.ended, stderr.ended]);
    const signal = exit.signal;
    return { pid, exitCode: exit.code, signal, stdout: stdout.text, stderr: stderr.text, startedMs, endedMs };
  });
  return {
    pid,
    write: (text) => void stdin.write(text),
    waitFor: (text, after) => stdout.waitFor(text, after),
    waitForDebug: (text, after) => stderr.waitFor(text, after),
    end: (last) => void (last === undefined ? stdin.end() : stdin.end(last)),
    kill: (signal) => void process.kill(pid, signal),
    finished,
  };
}

/** All that came from one descriptor. */
class Transcript {
  text = '';
  readonly ended: Promise<void>;
  private waiters: (() => void)[] = [];
  private over = false;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      for (const waiter of this.waiters) waiter();
    });
    this.ended = new Promise((resolve) => {
      stream.once('close', () => {
        this.over = true;
        for (const waiter of this.waiters) waiter();
        resolve();
      });
    });
  }

  waitFor(wanted: string, after = 0): Promise<number> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.text.indexOf(wanted, after);
        if (found < 0 && !this.over) return;
        this.waiters = this.waiters.filter((waiter) => waiter !== look);
        if (found >= 0) resolve(found + wanted.length);
        else reject(new Error(`the client ended without ${JSON.stringify(wanted)}; its output: ${this.text}`));
      };
      this.waiters.push(look);
      look();
    });
  }
}
