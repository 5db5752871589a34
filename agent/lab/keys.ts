/** The laboratory's keys, made afresh each time by ssh-keygen. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../source/child-process.ts';

export interface LabKey {
  /** Private key on the host; the public one stands beside it with `.pub`. */
  readonly path: string;
  /** For instance `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:…` as sshd logs it. */
  readonly fingerprint: string;
  /** Line for an authorized_keys file. */
  readonly publicLine: string;
}

/** `good` opens every account but dave's; no account knows the others. */
export interface LabKeys {
  readonly good: LabKey;
  readonly oldLaptop: LabKey;
  readonly workstation: LabKey;
}

/** @throws Error if ssh-keygen fails */
export async function makeKeys(folder: string): Promise<LabKeys> {
  const [good, oldLaptop, workstation] = await Promise.all([
    makeKey(join(folder, 'good'), 'ed25519'),
    makeKey(join(folder, 'old-laptop'), 'ecdsa'),
    makeKey(join(folder, 'workstation'), 'ed25519'),
  ]);
  return { good, oldLaptop, workstation };
}

/** One key pair without a passphrase. @throws Error if ssh-keygen fails */
export async function makeKey(path: string, type: 'ed25519' | 'ecdsa' | 'rsa'): Promise<LabKey> {
  const args = ['-q', '-t', type, '-N', '', '-C', 'sshd-otel-lab', '-f', path];
  const made = await runChild({ command: 'ssh-keygen', args }, 30_000);
  if (made.code !== 0) throw new Error(`ssh-keygen ${made.reason}: ${made.stderr.trim()}`);
  const publicLine = (await readFile(`${path}.pub`, 'utf8')).trim();
  const [keyType = '', blob = ''] = publicLine.split(' ');
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '');
  return { path, type: keyType, fingerprint: `SHA256:${digest}`, publicLine };
}
