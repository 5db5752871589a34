/** The clients of one scenario. Each speaks from a loopback address of its own, which tells its connection apart. */
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { LoginOptions } from '../../agent/lab/client.ts';
import { type ClientRun, type ClientSession, startClient } from '../../agent/lab/client-process.ts';
import type { Lab } from '../../agent/lab/lab.ts';
import type { SeenForward } from './forward-peers.ts';

/** What one client did. */
export interface Part {
  /** Where it spoke from. */
  readonly address: string;
  readonly user?: string | undefined;
  /** Rode on the connection of another one, from the same address. */
  readonly rides: boolean;
  /** What it asked for: `exec`, `shell`, `subsystem sftp`; absent: no session. */
  readonly asks?: string | undefined;
  readonly command?: string | undefined;
  /** Absent for a bare socket. */
  run?: ClientRun | undefined;
  /** For a bare socket: what it sent, and who closed first after how long. */
  raw?: { readonly sent: string; readonly endedBy: 'client' | 'server'; readonly afterMs: number } | undefined;
  /** It was stopped by SIGSTOP, so that it answered nothing any more. */
  stopped?: boolean | undefined;
  /** Its monitor was killed by hand. */
  monitorKilled?: boolean | undefined;
  /** Its socket was reset instead of closed. */
  reset?: boolean | undefined;
  /** Payload bytes that it sent and got, where a relay between counted them. */
  bytes?: { readonly sent: number; readonly got: number } | undefined;
  /** Forwards that it used, as whoever stood at their other ends saw them. */
  forwards?: readonly SeenForward[] | undefined;
  /** It may end without a last word (`-W`), or kill the program that it goes through before its last word is. */
  proxied?: boolean | undefined;
  /** It asked for a terminal. */
  readonly pty: boolean;
  /** TRACEPARENT that it sent. */
  readonly traceparent?: string | undefined;
}

export interface Actor {
  readonly session: ClientSession;
  readonly part: Part;
  /** Resolves when the client has ended. */
  finished(): Promise<ClientRun>;
}

export class Cast {
  readonly lab: Lab;
  readonly parts: Part[] = [];
  /** Of servers that it started beside the laboratory's. */
  readonly morePorts: number[] = [];
  /** Where the server is, if in a container: its id and its pod's. */
  container: string | undefined;
  #addresses = 1;

  /** Private, on the host, with what the scenario prepared. */
  readonly folder: string;
  /** Keys that a client cannot name before it signs with them. */
  readonly unnamedKeys: { readonly path: string; readonly type: string; readonly fingerprint: string }[] = [];

  constructor(lab: Lab, folder: string) {
    this.lab = lab;
    this.folder = folder;
  }

  /** Starts `ssh -v` and leaves its input open; `rides` on another's connection; `from`: where sshd will see it come from. */
  async start(options: LoginOptions = {}, rides?: Part, from?: string): Promise<Actor> {
    const address = rides?.address ?? from ?? this.address();
    // An address that is not ours to bind is where the server will see it come from.
    const bind = from === undefined ? [`BindAddress=${address}`] : [];
    const config = [...(options.config ?? []), ...bind];
    const session = await this.lab.startSsh({ ...options, config });
    const part: Part = {
      ...{ address, user: options.user ?? 'alice', rides: rides !== undefined, pty: options.pty === true },
      asks:
        options.args?.some((arg) => arg === '-N' || arg === '-W') === true
          ? undefined
          : options.command === undefined
            ? 'shell'
            : 'exec',
      command: options.command,
      traceparent: options.env?.['TRACEPARENT'],
    };
    this.parts.push(part);
    const finished = session.finished.then((run) => {
      part.run = run;
      return run;
    });
    return { session, part, finished: () => finished };
  }

  /** Runs `ssh -v` to its end. */
  async ssh(options: LoginOptions = {}, rides?: Part): Promise<ClientRun> {
    const actor = await this.start(options, rides);
    actor.session.end(options.stdin);
    return actor.finished();
  }

  /** Runs ssh through a relay that counts what passes. */
  async counted(options: LoginOptions = {}): Promise<ClientRun> {
    const address = this.address();
    const { promise, resolve } = Promise.withResolvers<{ sent: number; got: number }>();
    const relay = createServer((client) => {
      const server = connect({ host: '127.0.0.1', port: this.lab.port, localAddress: address });
      client.pipe(server).pipe(client);
      client.on('error', () => undefined);
      server.on('error', () => undefined);
      server.once('close', () => resolve({ sent: server.bytesWritten, got: server.bytesRead }));
    });
    await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
    const at = relay.address();
    if (at === null || typeof at === 'string') throw new Error('the relay has no port');
    // The first value of an option is the one that counts.
    const actor = await this.start(
      { ...options, config: [`Port=${at.port}`, ...(options.config ?? [])] },
      undefined,
      address,
    );
    actor.session.end(options.stdin);
    const run = await actor.finished();
    actor.part.bytes = await promise;
    relay.close();
    return run;
  }

  /** Runs `sftp` with a batch of commands. */
  async sftp(batch: string, options: LoginOptions = {}): Promise<ClientRun> {
    const address = this.address();
    const part: Part = { address, user: options.user ?? 'alice', rides: false, pty: false, asks: 'subsystem sftp' };
    this.parts.push(part);
    part.run = await this.lab.sftp(batch, {
      ...options,
      config: [...(options.config ?? []), `BindAddress=${address}`],
    });
    return part.run;
  }

  /** Runs another program that starts ssh itself; it asks for what is said here, and its own transcript says the command. */
  async program(program: string, args: readonly string[], asks: string): Promise<ClientRun> {
    const address = this.address();
    const config = ['-v', ...this.lab.sshArguments(), '-o', `BindAddress=${address}`, '-P', String(this.lab.port)];
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: this.folder };
    const session = startClient(program, [...config, ...args], env);
    session.end();
    const run = await session.finished;
    const command = /^debug1: Sending command: (.*)$/m.exec(run.stderr)?.[1]?.trimEnd();
    this.parts.push({ address, user: 'alice', rides: false, pty: false, asks, command, run });
    return run;
  }

  /**
   * Runs a program of this machine that is told which ssh to use: by an argument, where `args` puts it, and by GIT_SSH. Its
   * own transcript says the command.
   */
  async through(program: string, args: (ssh: string) => readonly string[]): Promise<ClientRun> {
    const address = this.address();
    const options = ['-v', ...this.lab.sshArguments(), '-o', `BindAddress=${address}`, '-p', String(this.lab.port)];
    const ssh = join(this.folder, `ssh-from-${address}`);
    await writeFile(ssh, `#!/bin/sh\nexec ssh ${options.map((one) => `'${one}'`).join(' ')} "$@"\n`, { mode: 0o755 });
    const env = {
      ...{ PATH: '/usr/local/bin:/usr/bin:/bin', HOME: this.folder },
      ...{ GIT_SSH: ssh, GIT_SSH_VARIANT: 'ssh', GIT_CONFIG_NOSYSTEM: '1' },
    };
    const session = startClient(program, args(ssh), env);
    session.end();
    const run = await session.finished;
    const command = /^debug1: Sending command: (.*)$/m.exec(run.stderr)?.[1]?.trimEnd();
    this.parts.push({ address, user: 'alice', rides: false, pty: false, asks: 'exec', command, run });
    return run;
  }

  /**
   * A bare TCP connection. Sends `text` once the banner is there, letter by letter if `letterMs` says so; closes then, unless
   * it shall wait for the server.
   */
  async raw(text: string, waitForServer = false, from?: string, letterMs = 0): Promise<Part> {
    const address = from ?? this.address();
    const startedMs = performance.now();
    const part: Part = { address, rides: false, pty: false };
    this.parts.push(part);
    const endedBy = await new Promise<'client' | 'server'>((resolve, reject) => {
      const socket: Socket = connect({ host: '127.0.0.1', port: this.lab.port, localAddress: address });
      let closing = false;
      // What is sent to a server that has closed comes back as a reset.
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
      });
      socket.once('end', () => resolve(closing ? 'client' : 'server'));
      socket.once('close', () => resolve(closing ? 'client' : 'server'));
      const speak = async () => {
        for (const letter of letterMs > 0 ? text : [text]) {
          if (letter !== '') socket.write(letter);
          await setTimeout(letterMs);
        }
        if (waitForServer) return;
        closing = true;
        socket.end();
      };
      socket.once('data', () => void speak());
      socket.resume();
    });
    part.raw = { sent: text, endedBy, afterMs: performance.now() - startedMs };
    return part;
  }

  /** A loopback address that no other client has. */
  address(): string {
    this.#addresses++;
    return `127.0.0.${this.#addresses}`;
  }
}
