/** make deb: one package for Debian and Ubuntu, with its own Node. Usage: deb.ts [--arch amd64|arm64] [--fast] [--out DIR] */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './bundle.ts';
import { changelog, control, copyright } from './debian-files.ts';
import type { Architecture } from './node-binary.ts';
import { run } from './run.ts';
import { type Built, buildTree, DOC, gzipped, write } from './tree.ts';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    /** Little compression: for tests. */
    fast: { type: 'boolean', default: false },
    out: { type: 'string', default: join(ROOT, '.output/packages') },
  },
});
const architecture = architectureOf(values.arch);
const built = await describeBuild();
const tree = mkdtempSync(join(tmpdir(), 'sshd-otel-deb-'));
try {
  chmodSync(tree, 0o755);
  await buildTree(tree, architecture, built);
  addDebianFiles(tree);
  mkdirSync(values.out, { recursive: true });
  process.stdout.write(`${await pack()}\n`);
} finally {
  rmSync(tree, { recursive: true, force: true });
}

function architectureOf(name: string): Architecture {
  if (name === 'amd64' || name === 'arm64') return name;
  throw new Error(`--arch: expected amd64 or arm64, got ${name}`);
}

/** The time of the last commit, unless SOURCE_DATE_EPOCH says another. */
async function describeBuild(): Promise<Built> {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const told = process.env['SOURCE_DATE_EPOCH'] ?? (await run('git', ['-C', ROOT, 'log', '-1', '--format=%ct']));
  return { version, epoch: Number(told) };
}

function addDebianFiles(folder: string): void {
  const debian = join(ROOT, 'deploy/package/debian');
  write(folder, `${DOC}/changelog.gz`, 0o644, gzipped(changelog(built)));
  write(folder, `${DOC}/copyright`, 0o644, copyright());
  const overrides = readFileSync(join(debian, 'lintian-overrides'), 'utf8');
  write(folder, 'usr/share/lintian/overrides/sshd-otel', 0o644, overrides);
  const kilobytes = Math.ceil(sizeOf(folder) / 1024);
  for (const script of SCRIPTS) write(folder, `DEBIAN/${script}`, 0o755, readFileSync(join(debian, script), 'utf8'));
  write(folder, 'DEBIAN/conffiles', 0o644, '/etc/sshd-otel/headers\n/etc/sshd-otel/sshd-otel.yaml\n');
  write(folder, 'DEBIAN/control', 0o644, control(architecture, built.version, kilobytes));
}

async function pack(): Promise<string> {
  await run('sh', [
    '-c',
    'cd "$1" && find etc usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums',
    'sums',
    tree,
  ]);
  dateAll(tree);
  const name = `sshd-otel_${built.version}_${architecture}.deb`;
  const draft = join(values.out, `.${name}.${process.pid}`);
  const level = values.fast ? ['-Zgzip', '-z1'] : ['-Zxz', '-z6'];
  await run('dpkg-deb', ['--root-owner-group', ...level, '--build', tree, draft], {
    SOURCE_DATE_EPOCH: String(built.epoch),
  });
  renameSync(draft, join(values.out, name));
  return join(values.out, name);
}

function entriesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

function sizeOf(folder: string): number {
  return entriesOf(folder).reduce((bytes, path) => bytes + lstatSync(path).size, 0);
}

function dateAll(folder: string): void {
  for (const path of [...entriesOf(folder), folder]) utimesSync(path, built.epoch, built.epoch);
}
