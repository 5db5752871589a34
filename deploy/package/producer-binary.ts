/** The libbpf producer for a processor. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { arch, homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import type { Architecture } from './node-binary.ts';
import { run } from './run.ts';

const HERE: Architecture = arch() === 'arm64' ? 'arm64' : 'amd64';
const TRIPLES: Readonly<Record<Architecture, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const MAKE_ARCH: Readonly<Record<Architecture, string>> = { amd64: 'x86', arm64: 'arm64' };

/** What the producer is linked with, and what those need. */
const LIBRARIES = ['libbpf-dev', 'libelf-dev', 'zlib1g-dev'];

/** Builds it where need be. @returns its path @throws Error that says what is missing */
export async function buildProducer(architecture: Architecture): Promise<string> {
  const ebpf = join(ROOT, 'ebpf');
  if (architecture === HERE) {
    await run('make', ['-s', '-C', ebpf]);
    return join(ebpf, '.output/sshd-otel-producer');
  }
  const triple = TRIPLES[architecture];
  const libraries = await foreignLibraries(architecture);
  const out = `.output/${architecture}`;
  const include = `-isystem ${libraries}/usr/include -isystem ${libraries}/usr/include/${triple}`;
  await run('make', [
    ...['-s', '-C', ebpf, `OUT=${out}`, `ARCH=${MAKE_ARCH[architecture]}`, `TRIPLE=${triple}`, `CC=${triple}-gcc`],
    `CFLAGS=-O2 -g ${include} -L${libraries}/usr/lib/${triple}`,
    // The BPF programs are compiled by clang, which does not know where the cross compiler's headers are.
    ...['STATIC=1', `EXTRA=-idirafter /usr/${triple}/include`],
  ]);
  return join(ebpf, out, 'sshd-otel-producer');
}

/** Debian's libraries for another processor, unpacked aside: nothing is installed. */
async function foreignLibraries(architecture: Architecture): Promise<string> {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel', `lib-${architecture}`);
  if (existsSync(join(folder, 'usr/include/bpf'))) return folder;
  mkdirSync(folder, { recursive: true });
  const suite = (await run('sh', ['-c', '. /etc/os-release && echo "$VERSION_CODENAME"'])).trim();
  const mirror = process.env['DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian';
  const state = join(folder, 'apt');
  for (const each of ['lists/partial', 'archives/partial']) mkdirSync(join(state, each), { recursive: true });
  const source = `deb [arch=${architecture} signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${suite} main`;
  const options = Object.entries({
    'Dir::State::Lists': `${state}/lists`,
    'Dir::Cache': state,
    'Dir::Etc::SourceList': `${state}/sources.list`,
    'Dir::Etc::SourceParts': '-',
    'Dir::State::Status': '/dev/null',
    'APT::Architecture': architecture,
    'APT::Architectures::': architecture,
    'APT::Sandbox::User': 'root',
  }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  writeFileSync(join(state, 'sources.list'), `${source}\n`);
  await run('apt-get', ['-qq', ...options, 'update']);
  const debs = `cd "$1" && shift && apt-get -qq download "$@" && for deb in *.deb; do dpkg -x "$deb" ..; done`;
  await run('sh', ['-c', debs, 'unpack', state, ...options, ...LIBRARIES]);
  return folder;
}
