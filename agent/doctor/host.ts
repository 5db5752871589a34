/** What the checks may ask of the host; tests answer in its place. Nothing here throws: what cannot be had is undefined. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { type ChildCommand, type ChildOutput, runChild, startChild } from '../source/child-process.ts';

export interface Host {
  /** Text of a file; undefined if there is none, or no right to read it. */
  readText(path: string): string | undefined;
  /** Names in a folder, sorted by nothing. */
  list(path: string): readonly string[];
  /** Target of a symbolic link. */
  link(path: string): string | undefined;
  /** Permission bits and owner of a file. */
  stat(path: string): { readonly mode: number; readonly uid: number } | undefined;
  /** Effective user id of this process. */
  readonly uid: number;
  readonly nodeVersion: string;
  run(command: string, args: readonly string[]): Promise<ChildOutput>;
  /** Starts a producer and waits for the first line of its stream; then ends it. Undefined: it came; else why it did not. */
  tryProducer(command: ChildCommand, timeoutMs: number): Promise<ProducerFailure | undefined>;
}

export interface ProducerFailure {
  readonly code?: number | undefined;
  readonly reason: string;
  /** The end of its stderr. */
  readonly stderr: string;
}

/** The host that we run on. */
export function realHost(): Host {
  return {
    readText: (path) => attempt(() => readFileSync(path, 'utf8')),
    list: (path) => attempt(() => readdirSync(path)) ?? [],
    link: (path) => attempt(() => readlinkSync(path)),
    stat: (path) => attempt(() => statSync(path)),
    uid: process.geteuid?.() ?? -1,
    nodeVersion: process.versions.node,
    run: (command, args) => runChild({ command, args }, 10_000),
    tryProducer,
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const HELLO = '{"k":"hello"';
/** A producer may say so much before its stream begins. */
const MAX_PREAMBLE = 65_536;

async function tryProducer(command: ChildCommand, timeoutMs: number): Promise<ProducerFailure | undefined> {
  const child = startChild({ ...command, stdout: 'pipe' });
  const began = new Promise<boolean>((resolve) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (text.length < MAX_PREAMBLE) text += chunk.toString('latin1');
      if (text.includes(HELLO)) resolve(true);
    });
    void child.exited.then(() => resolve(false));
    setTimeout(() => resolve(false), timeoutMs).unref();
  });
  if (await began) {
    await child.stop();
    return undefined;
  }
  const exit = await child.stop();
  const reason = exit.signal === undefined ? exit.reason : `said nothing within ${timeoutMs / 1000} s`;
  return { code: exit.code, reason, stderr: child.stderrTail() };
}
