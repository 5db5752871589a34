/** The image's root folder. Usage: root.ts FOLDER. Needs Debian, and what it takes to build the producer. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { licenceTexts, ROOT, writeBundle } from '../package/bundle.ts';
import { type Architecture, unpackNode } from '../package/node-binary.ts';
import { buildProducer } from '../package/producer-binary.ts';
import { run } from '../package/run.ts';
import { LIB, write } from '../package/tree.ts';

/** The agent's user. */
const UID = 65532;

const PASSWD = `root:x:0:0:root:/:/nonexistent
sshd-otel:x:${UID}:${UID}:sshd-otel:/:/nonexistent
nobody:x:65534:65534:nobody:/:/nonexistent
`;
const GROUP = `root:x:0:
sshd-otel:x:${UID}:
nogroup:x:65534:
`;

const [tree, ...rest] = process.argv.slice(2);
if (tree === undefined || rest.length > 0) throw new Error('usage: root.ts FOLDER');
const epoch = Number(process.env['SOURCE_DATE_EPOCH'] ?? 0);
const architecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

mkdirSync(tree, { recursive: true });
const packages = await writeBundle(join(tree, LIB), version);
const nodeLicence = await placeNode();
place(await buildProducer(architecture), `${LIB}/sshd-otel-producer`, 0o755);
await placeLibraries();
write(tree, 'etc/passwd', 0o644, PASSWD);
write(tree, 'etc/group', 0o644, GROUP);
write(tree, 'etc/nsswitch.conf', 0o644, 'hosts: files dns\n');
write(tree, 'usr/share/doc/sshd-otel/LICENSE', 0o644, readFileSync(join(ROOT, 'LICENSE')));
const licences = `${licenceTexts(packages)}\n${'-'.repeat(80)}\n\nNode.js\n\n${nodeLicence}`;
write(tree, 'usr/share/doc/sshd-otel/third-party-licences.txt', 0o644, licences);
// Where the volumes go; the root file system is read-only.
for (const folder of ['run/sshd-otel', 'var/lib/sshd-otel', 'etc/sshd-otel', 'tmp'])
  mkdirSync(join(tree, folder), { recursive: true });
// A named volume takes over whose it is.
chownSync(join(tree, 'var/lib/sshd-otel'), UID, UID);
dateAll(tree);

function place(from: string, path: string, mode: number): void {
  const to = join(tree ?? '', path);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** @returns its licence */
async function placeNode(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-node-'));
  try {
    await unpackNode(architecture, folder);
    place(join(folder, 'bin/node'), `${LIB}/node`, 0o755);
    return readFileSync(join(folder, 'LICENSE'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The shared libraries of Node, where its loader looks for them, and whose they are: for scanners, and for their licences. */
async function placeLibraries(): Promise<void> {
  const listed = await run('ldd', [join(tree ?? '', LIB, 'node')]);
  const files = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? '');
  const packagesOfFiles = new Set<string>();
  for (const file of files) {
    place(realpathSync(file), file, 0o755);
    const owners = await run('dpkg-query', ['--search', `*/${basename(file)}`]);
    packagesOfFiles.add(/^[^:\s]+/.exec(owners)?.[0] ?? '');
  }
  for (const name of [...packagesOfFiles].sort()) {
    write(tree ?? '', `var/lib/dpkg/status.d/${name}`, 0o644, await run('dpkg-query', ['--status', name]));
    place(`/usr/share/doc/${name}/copyright`, `usr/share/doc/${name}/copyright`, 0o644);
  }
}

function dateAll(folder: string): void {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  for (const path of [...entries, folder]) lutimesSync(path, epoch, epoch);
}
