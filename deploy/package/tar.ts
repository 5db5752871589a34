/** A tar.gz with an install script, for systems without .deb. Usage: tar.ts [--arch amd64|arm64] [--fast] [--out DIR] */
import { readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { buildPackage, dateAll } from './build.ts';
import { ROOT } from './bundle.ts';
import { copyright } from './debian-files.ts';
import { run } from './run.ts';
import { DOC, write } from './tree.ts';

await buildPackage(async (tree, order) => {
  write(tree, 'install.sh', 0o755, readFileSync(join(ROOT, 'deploy/package/install.sh'), 'utf8'));
  write(tree, `${DOC}/copyright`, 0o644, copyright());
  dateAll(tree, order.epoch);
  const name = `${basename(tree)}.tar.gz`;
  const draft = join(order.out, `.${name}.${process.pid}`);
  const owner = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${order.epoch}`];
  const gzip = `--use-compress-program=gzip -n ${order.fast ? '-1' : '-9'}`;
  await run('tar', ['-c', ...owner, gzip, '-f', draft, '-C', dirname(tree), basename(tree)]);
  renameSync(draft, join(order.out, name));
  return join(order.out, name);
});
