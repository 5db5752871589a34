/**
 * What an agent leaves to the next one, in a file of its folder. While it runs the file says only which boot it ran in: found
 * like that, it was killed. Written whole or not at all; readable for its owner only.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { errorCode } from '../source/system-error.ts';
import { EarlierRun, type SavedState } from '../span/earlier-run.ts';
import type { Log } from './log.ts';

/** Another shape of what is saved needs another one: it is then taken for that of an agent that was killed. */
const FORMAT = 1;
const NAME = 'run.state';

interface State {
  readonly format: number;
  readonly bootId: string;
  /** Absent while the agent runs. */
  readonly saved?: SavedState | undefined;
}

/**
 * The agent that ran before; undefined if there was none. What it left can be had once: should this agent die before it
 * says that it runs, the next one must not go on from the same place.
 */
export function takeEarlierRun(folder: string, log: Log): EarlierRun | undefined {
  try {
    const state = deserialize(readFileSync(join(folder, NAME))) as State;
    if (state.saved !== undefined) writeRunning(folder, state.bootId, log);
    return new EarlierRun(state.bootId, state.format === FORMAT ? state.saved : undefined);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') log('warn', `${join(folder, NAME)} cannot be read: ${String(error)}`);
    return undefined;
  }
}

/** Says that an agent runs in this boot. */
export function writeRunning(folder: string, bootId: string, log: Log): void {
  write(folder, { format: FORMAT, bootId }, log);
}

/** Saves what is open at a planned end. */
export function writeEnded(folder: string, saved: SavedState, log: Log): void {
  write(folder, { format: FORMAT, bootId: saved.bootId, saved }, log);
}

function write(folder: string, state: State, log: Log): void {
  const path = join(folder, NAME);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fd = openSync(`${path}.new`, 'w', 0o600);
    try {
      writeFileSync(fd, serialize(state));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
  } catch (error) {
    log('warn', `${path} cannot be written (${errorCode(error) ?? String(error)}): the next start may split traces`);
  }
}
