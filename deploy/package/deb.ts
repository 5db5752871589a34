/** One package for Debian and Ubuntu, with its own Node. Usage: deb.ts [--arch amd64|arm64] [--fast] [--out DIR] */
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage, dateAll, type Order, sizeOf } from './build.ts';
import { ROOT } from './bundle.ts';
import { changelog, control, copyright } from './debian-files.ts';
import { run } from './run.ts';
import { DOC, gzipped, write } from './tree.ts';

const DEBIAN = join(ROOT, 'deploy/package/debian');
const SCRIPTS = ['postinst', 'prerm', 'postrm'];
const SUMS = 'cd "$1" && find etc usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums';

await buildPackage(async (tree, order) => {
  addDebianFiles(tree, order);
  await run('sh', ['-c', SUMS, 'sums', tree]);
  dateAll(tree, order.epoch);
  const name = `sshd-otel_${order.version}_${order.architecture}.deb`;
  const draft = join(order.out, `.${name}.${process.pid}`);
  // Not zstd, which Debian 11 cannot read.
  const compression = order.fast ? ['-Zgzip', '-z1'] : ['-Zxz', '-z6'];
  const env = { SOURCE_DATE_EPOCH: String(order.epoch) };
  await run('dpkg-deb', ['--root-owner-group', ...compression, '--build', tree, draft], env);
  renameSync(draft, join(order.out, name));
  return join(order.out, name);
});

function addDebianFiles(tree: string, order: Order): void {
  write(tree, `${DOC}/changelog.gz`, 0o644, gzipped(changelog(order)));
  write(tree, `${DOC}/copyright`, 0o644, copyright());
  const overrides = readFileSync(join(DEBIAN, 'lintian-overrides'), 'utf8');
  write(tree, 'usr/share/lintian/overrides/sshd-otel', 0o644, overrides);
  const kilobytes = Math.ceil(sizeOf(tree) / 1024);
  for (const script of SCRIPTS) write(tree, `DEBIAN/${script}`, 0o755, readFileSync(join(DEBIAN, script), 'utf8'));
  write(tree, 'DEBIAN/conffiles', 0o644, '/etc/sshd-otel/headers\n/etc/sshd-otel/sshd-otel.yaml\n');
  write(tree, 'DEBIAN/control', 0o644, control(order.architecture, order.version, kilobytes));
}
