import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../source/system-error.ts';
import { CommandFailure } from './command.ts';
import { EXIT } from './exit-codes.ts';

/** Bytes of a host key. Trace and span ids are derived from it, so that nobody on the host can guess them. */
export const HOST_KEY_BYTES = 32;

const NAME = 'host.key';

/**
 * The host's own key, read from the state directory; made there at the first start, readable for its owner only. It
 * appears whole or not at all, also when two start at once.
 * @throws CommandFailure
 */
export function loadHostKey(stateDir: string): Uint8Array {
  const path = join(stateDir, NAME);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    return readHostKey(path) ?? makeHostKey(stateDir, path);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const code = errorCode(error) ?? 'unknown error';
    throw new CommandFailure(
      EXIT.rights,
      `the host key cannot be kept in ${stateDir} (${code})`,
      'name a folder that can be written with --state-dir',
    );
  }
}

/**
 * A host key in a file. Undefined if there is no such file.
 * @throws CommandFailure if it is no key
 */
function readHostKey(path: string): Uint8Array | undefined {
  let key: Uint8Array;
  try {
    key = readFileSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (key.length !== HOST_KEY_BYTES)
    throw new CommandFailure(
      EXIT.usage,
      `${path} is no host key: it has ${key.length} bytes instead of ${HOST_KEY_BYTES}`,
      `remove it, and a new one is made at the next start (ids of traces change with it)`,
    );
  return key;
}

function makeHostKey(stateDir: string, path: string): Uint8Array {
  const draft = join(stateDir, `.${NAME}.${process.pid}`);
  const fd = openSync(draft, 'wx', 0o600);
  try {
    writeSync(fd, randomBytes(HOST_KEY_BYTES));
    fsyncSync(fd);
    chmodSync(draft, 0o600);
    linkSync(draft, path);
  } catch (error) {
    // Another start was faster: its key counts.
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    closeSync(fd);
    unlinkSync(draft);
  }
  const key = readHostKey(path);
  if (key === undefined) throw new Error(`${path} vanished`);
  return key;
}

/**
 * A host key as `--key` gives it: 64 hex digits, or a file of 32 bytes.
 * @throws CommandFailure
 */
export function hostKeyOption(value: string | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(HOST_KEY_BYTES);
  if (/^[0-9a-fA-F]{64}$/.test(value)) return Buffer.from(value, 'hex');
  let key: Uint8Array | undefined;
  try {
    key = readHostKey(value);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(EXIT.rights, `${value} cannot be read (${errorCode(error) ?? 'unknown error'})`);
  }
  if (key !== undefined) return key;
  throw new CommandFailure(EXIT.usage, `--key: expected 64 hex digits or a file of ${HOST_KEY_BYTES} bytes`);
}
