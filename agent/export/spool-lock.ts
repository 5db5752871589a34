import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../source/system-error.ts';

/**
 * Makes sure that one agent at a time uses a spool. The file names a process by pid and start, so that one that a dead agent left
 * behind is told from a living one's, also after a reboot.
 * @returns what gives the lock back; undefined: a living process has it
 * @throws what the file system throws
 */
export function lockSpool(folder: string): (() => void) | undefined {
  const path = join(folder, 'lock');
  const own = `${process.pid} ${startOf(process.pid) ?? ''}\n`;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const fd = openSync(path, 'wx', 0o600);
      writeSync(fd, own);
      closeSync(fd);
      return () => {
        if (readOwner(path) === own) unlinkSync(path);
      };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const owner = readOwner(path);
    const [pid, start] = owner?.trim().split(' ') ?? [];
    if (owner !== undefined && owner !== own && start !== undefined && startOf(Number(pid)) === start) return undefined;
    try {
      unlinkSync(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

function readOwner(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Field 22 of `/proc/PID/stat`, counted behind the name, which may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
