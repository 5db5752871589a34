/** Starting the laboratory's inside and listening to what its keeper tells. */
import { createInterface } from 'node:readline';
import { type Child, startChild } from '../source/child-process.ts';
import { KEEPER, SET_UP } from './namespace-scripts.ts';
import { parseLogLine, WitnessLog } from './witness-log.ts';

export interface Keeper {
  /** Pid of the keeper; `/proc/PID/root` is what the laboratory sees as `/`. */
  readonly pid: number;
  readonly log: WitnessLog;
  /** Pid of the command. */
  readonly started: Promise<number>;
  /** Resolves when the keeper is gone, with the reason and what it wrote to stderr. */
  readonly ended: Promise<string>;
  /** Ends every process of the laboratory. Resolves when all are gone and the prepared folder is removed. */
  stop(): Promise<void>;
}

/**
 * @param folder prepared on the host; removed at the end
 * @param root foreign root folder, or empty for the machine's own
 * @param command what the keeper runs inside
 * @throws Error if it could not be started
 */
export function startKeeper(folder: string, root: string, command: readonly string[]): Keeper {
  const inside = ['sh', '-c', SET_UP, 'set-up', folder, root, 'perl', '-e', KEEPER, folder, root, ...command];
  const child: Child = startChild({
    command: 'unshare',
    args: ['-m', '--propagation', 'private', '--', ...inside],
    // A list of our own, so that nothing of the caller's environment leaks into sessions.
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    stdin: 'pipe',
    detached: true,
  });
  const log = new WitnessLog();
  const started = Promise.withResolvers<number>();
  // The keeper sees the end of its input, also when we are killed.
  child.stdin?.on('error', () => undefined);
  if (child.stdout !== undefined) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('started ')) started.resolve(Number(line.slice(8)));
      if (line.startsWith('log ')) log.add(parseLogLine(Buffer.from(line.slice(4), 'hex'), Date.now()));
      if (line.startsWith('exit ')) log.add({ receivedMs: Date.now(), text: `laboratory: sshd is gone: ${line}` });
    });
  }
  const ended = child.exited.then((exit) => `${exit.reason}\n${child.stderrTail().trim()}`.trim());
  if (child.pid === undefined) throw new Error('unshare could not be started');
  return {
    pid: child.pid,
    log,
    started: started.promise,
    ended,
    async stop() {
      child.stdin?.end();
      await ended;
    },
  };
}
