/** Who lives in the laboratory: its mount namespace names all that was started in it. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Pids of the processes in the same mount namespace as `keeperPid`, but for itself. Empty once it is gone. */
export async function inhabitants(keeperPid: number): Promise<number[]> {
  const namespace = await namespaceOf(keeperPid);
  if (namespace === undefined) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(
    pids.map(async (pid) => (pid !== keeperPid && (await namespaceOf(pid)) === namespace ? [pid] : [])),
  );
  return all.flat();
}

/**
 * Resolves when nobody but `residents` is left: every connection has ended. There is no event for it that needs no tracer.
 * @throws Error after `timeoutMs`, with who was left
 */
export async function whenOnly(
  residents: () => readonly number[],
  keeperPid: number,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const guests = await guestsOf(residents(), keeperPid);
    if (guests.length === 0) return;
    if (performance.now() > deadline) {
      const lines = await Promise.all(guests.map(async (pid) => `${pid} ${await commandLine(pid)}`));
      throw new Error(`after ${timeoutMs} ms there were still in the laboratory: ${lines.join('; ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function guestsOf(residents: readonly number[], keeperPid: number): Promise<number[]> {
  const others = (await inhabitants(keeperPid)).filter((pid) => !residents.includes(pid));
  const tracers = await Promise.all(others.map(async (pid) => (await commandLine(pid)).startsWith('strace ')));
  return others.filter((_, index) => tracers[index] !== true);
}

async function namespaceOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

async function commandLine(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.replaceAll('\0', ' ').slice(0, 200);
}
