import { type ChildCommand, startChild } from '../../agent/source/child-process.ts';
import { readableSource } from '../../agent/source/readable-source.ts';
import type { Source } from '../../agent/source/source.ts';

/** A producer of our own: its standard output is the stream, its end is told with the last line that it said on stderr. */
export function childSource(command: ChildCommand): Source & { readonly pid: number | undefined } {
  const child = startChild({ ...command, stdout: 'pipe' });
  const { stdout } = child;
  const name = command.command;
  if (stdout === undefined) {
    const ended = child.exited.then(({ reason }) => ({ complete: false, reason: `${name} ${reason}` }));
    return { pid: undefined, chunks: nothing(), ended, close: () => undefined };
  }
  const source = readableSource(stdout, name);
  return {
    pid: child.pid,
    chunks: source.chunks,
    ended: source.ended.then(async () => {
      const exit = await child.exited;
      const said = child.stderrTail().trim().split('\n').at(-1) ?? '';
      return { complete: exit.code === 0, reason: `${name} ${exit.reason}${said === '' ? '' : `: ${said}`}` };
    }),
    close() {
      // What it still has to say, its last record above all, is read on until it closes its output.
      void child.stop();
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
