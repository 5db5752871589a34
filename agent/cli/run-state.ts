/**
 * What an agent leaves to the next one, in a file of its folder. While it runs the file says only which boot it ran in: found
 * like that, it was killed. Written whole or not at all; readable for its owner only.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { errorCode } from '../source/system-error.ts';
import { type EarlierRun, earlierRun, type SavedConnection } from '../span/earlier-run.ts';
import type { Log } from './log.ts';

/** Another shape of what is saved needs another one: it is then taken for that of an agent that was killed. */
const FORMAT = 1;
const NAME = 'run.state';

interface State {
  readonly format: number;
  readonly bootId: string;
  readonly endedNs?: bigint | undefined;
  readonly connections: readonly SavedConnection[];
}

/** The agent that ran before; undefined if there was none. */
export function readEarlierRun(folder: string, log: Log): EarlierRun | undefined {
  try {
    const state = deserialize(readFileSync(join(folder, NAME))) as State;
    if (state.format === FORMAT) return earlierRun(state.bootId, state.endedNs, state.connections);
    return earlierRun(state.bootId, undefined, []);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') log('warn', `${join(folder, NAME)} cannot be read: ${String(error)}`);
    return undefined;
  }
}

/** Says that an agent runs in this boot. */
export function writeRunning(folder: string, bootId: string, log: Log): void {
  write(folder, { format: FORMAT, bootId, connections: [] }, log);
}

/** Saves what is open at a planned end; false if that was not possible, which has been said. */
export function writeEnded(
  folder: string,
  bootId: string,
  endedNs: bigint,
  connections: readonly SavedConnection[],
  log: Log,
): boolean {
  return write(folder, { format: FORMAT, bootId, endedNs, connections }, log);
}

function write(folder: string, state: State, log: Log): boolean {
  const path = join(folder, NAME);
  try {
    const fd = openSync(`${path}.new`, 'w', 0o600);
    try {
      writeSync(fd, serialize(state));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
    return true;
  } catch (error) {
    log('warn', `${path} cannot be written (${errorCode(error) ?? String(error)}): the next start may split traces`);
    return false;
  }
}
