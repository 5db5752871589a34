/** What is installed, as a tree of files; .deb and tar.gz differ only in what is around it. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { licenceTexts, ROOT, writeBundle } from './bundle.ts';
import { configFile, manualPages } from './documents.ts';
import { type Architecture, unpackNode } from './node-binary.ts';
import { buildProducer } from './producer-binary.ts';

export const LIB = 'usr/lib/sshd-otel';
export const DOC = 'usr/share/doc/sshd-otel';
export const UNITS = ['sshd-otel-producer.socket', 'sshd-otel-producer.service', 'sshd-otel.service'] as const;

const WRAPPER = `#!/bin/sh
exec /${LIB}/node --enable-source-maps /${LIB}/agent/bundle/sshd-otel.js "$@"
`;

const HEADERS = `# Headers for the collector, one a line, Name: value. Only root can read this file; systemd hands it to the agent.
# Authorization: Bearer YOUR-TOKEN
`;

export interface Built {
  readonly version: string;
  /** Seconds since 1970 that every file of the package is dated. */
  readonly epoch: number;
}

/** Fills the empty folder `tree`. */
export async function buildTree(tree: string, architecture: Architecture, { version, epoch }: Built): Promise<void> {
  const lib = join(tree, LIB);
  const packages = await writeBundle(lib, version);
  await unpackNode(architecture, join(tree, 'node'));
  place(lib, 'node', 0o755, join(tree, 'node/bin/node'));
  place(lib, 'sshd-otel-producer', 0o755, await buildProducer(architecture));
  place(lib, 'sshd-otel.bt', 0o755, join(ROOT, 'ebpf/sshd-otel.bt'));
  place(lib, 'back-off.conf', 0o644, join(ROOT, 'deploy/systemd/back-off.conf'));
  write(tree, 'usr/bin/sshd-otel', 0o755, WRAPPER);
  for (const unit of UNITS)
    place(join(tree, 'usr/lib/systemd/system'), unit, 0o644, join(ROOT, 'deploy/systemd', unit));
  place(join(tree, 'usr/lib/sysusers.d'), 'sshd-otel.conf', 0o644, join(ROOT, 'deploy/systemd/sshd-otel.sysusers'));
  write(tree, 'etc/sshd-otel/sshd-otel.yaml', 0o644, configFile());
  write(tree, 'etc/sshd-otel/headers', 0o600, HEADERS);
  const example = 'client-certificate.conf';
  place(join(tree, DOC, 'examples'), example, 0o644, join(ROOT, 'deploy/systemd', example));
  const licences = `${licenceTexts(packages)}\n${'-'.repeat(80)}\n\nNode.js\n\n${readFileSync(join(tree, 'node/LICENSE'), 'utf8')}`;
  write(tree, `${DOC}/third-party-licences.txt.gz`, 0o644, gzipped(licences));
  for (const [name, text] of manualPages(version, epoch))
    write(tree, `usr/share/man/man${name.at(-1)}/${name}.gz`, 0o644, gzipped(text));
  rmSync(join(tree, 'node'), { recursive: true });
}

/** Without a time in it. */
export function gzipped(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

export function write(tree: string, path: string, mode: number, content: string | Uint8Array): void {
  const to = join(tree, path);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  writeFileSync(to, content);
  chmodSync(to, mode);
}

function place(folder: string, name: string, mode: number, from: string): void {
  const to = join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  // Moved within the tree, so that 120 MB are not copied.
  if (from.startsWith(dirname(dirname(dirname(folder))))) renameSync(from, to);
  else copyFileSync(from, to);
  chmodSync(to, mode);
}
