/**
 * A unix socket in the agent's folder that answers how it does. Not a file: what a file says outlives an agent that is
 * killed or hangs, and writing one every few seconds never lets a disk sleep.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { errorCode } from '../source/system-error.ts';
import { type HealthReport, parseHealth } from './health-report.ts';
import type { Log } from './log.ts';

const NAME = 'health.sock';
/** sockaddr_un of Linux, less its NUL. */
const MAX_PATH_BYTES = 107;
const MAX_ANSWER = 4_096;

/** Where the agent that keeps its things in `folder` answers. */
export function healthSocketIn(folder: string): string {
  return join(folder, NAME);
}

/** Answers as long as the agent's loop turns. Whoever may enter the folder may ask. */
export class HealthSocket {
  readonly #server: Server;
  readonly #path: string;
  readonly #log: Log;

  constructor(folder: string, report: () => HealthReport, log: Log) {
    this.#path = healthSocketIn(folder);
    this.#log = log;
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${JSON.stringify(report())}\n`);
    });
    this.#server.maxConnections = 16;
    this.#server.unref();
    // An agent that cannot be asked still does what it is there for.
    this.#server.on('error', (error) => this.#sayNone(errorCode(error) ?? error.message));
  }

  listen(): void {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) {
      this.#sayNone('its path would be too long');
      return;
    }
    try {
      // One that was killed leaves its socket behind.
      if (lstatSync(this.#path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(this.#path);
    } catch (error) {
      this.#sayNone(errorCode(error) ?? String(error));
      return;
    }
    this.#server.listen(this.#path);
  }

  close(): void {
    this.#server.close();
  }

  #sayNone(why: string): void {
    this.#log('warn', `sshd-otel health cannot ask this agent: no socket ${this.#path} (${why})`);
  }
}

/** What an agent answered, or why it did not. */
export type HealthAnswer =
  | { readonly report: HealthReport }
  | { readonly fault: 'absent' | 'forbidden' | 'silent' | 'nonsense' };

/** Asks whoever listens at `path`. Never rejects. */
export function askHealth(path: string, timeoutMs: number): Promise<HealthAnswer> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const timer = setTimeout(() => done({ fault: 'silent' }), timeoutMs);
    const done = (answer: HealthAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER) done({ fault: 'nonsense' });
    });
    socket.on('end', () => {
      const report = parseHealth(text);
      done(report === undefined ? { fault: 'nonsense' } : { report });
    });
    socket.on('error', (error) => {
      const code = errorCode(error);
      done({ fault: code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'absent' });
    });
  });
}
