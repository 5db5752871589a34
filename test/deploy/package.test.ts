import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const BUILD_MS = 300_000;

async function build(what: 'deb' | 'tar', out: string): Promise<string> {
  const args = [join(ROOT, `deploy/package/${what}.ts`), '--fast', '--out', out];
  const { code, reason, stdout, stderr } = await runChild({ command: process.execPath, args }, BUILD_MS);
  assert.equal(code, 0, `${reason}\n${stderr}`);
  return stdout.trim();
}

const sum = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const dpkg = await runChild({ command: 'dpkg-deb', args: ['--version'] }, 10_000);

describe('the packages', { skip: dpkg.code === 0 ? false : 'dpkg-deb is not installed' }, () => {
  let folder: string;
  let deb: string;
  let tree: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-packages-'));
    deb = await build('deb', folder);
    tree = join(folder, 'tree');
    assert.equal((await runChild({ command: 'dpkg-deb', args: ['-x', deb, tree] }, 60_000)).code, 0);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('built twice, the package is the same to the last bit', async () => {
    assert.equal(sum(await build('deb', join(folder, 'again'))), sum(deb));
  });

  test('everything in it belongs to root, and only the token is hidden', async () => {
    const { stdout } = await runChild({ command: 'dpkg-deb', args: ['-c', deb] }, 60_000);
    const lines = stdout.trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => !/^\S+ root\/root /.test(line)),
      [],
    );
    assert.deepEqual(
      lines.filter((line) => /^.(?!rwxr-xr-x|rw-r--r--)/.test(line)).map((line) => line.split(' ').at(-1)),
      ['./etc/sshd-otel/headers'],
    );
  });

  test('the bundle runs on the Node that comes with it, and names sources by their place in the repository', async () => {
    const lib = join(tree, 'usr/lib/sshd-otel');
    const args = ['--enable-source-maps', join(lib, 'agent/bundle/sshd-otel.js'), '--version'];
    const { stdout } = await runChild({ command: join(lib, 'node'), args }, 60_000);
    assert.match(stdout, /^sshd-otel \d+\.\d+\.\d+$/m);
    const { sources } = JSON.parse(readFileSync(join(lib, 'agent/bundle/sshd-otel.js.map'), 'utf8')) as {
      sources: string[];
    };
    assert.ok(sources.includes('agent/main.ts'));
    assert.deepEqual(
      sources.filter((source) => !/^(agent|node_modules)\//.test(source)),
      [],
    );
  });

  test('the settings that are installed are valid', async () => {
    const args = [join(ROOT, 'agent/main.ts'), 'config', 'check', join(tree, 'etc/sshd-otel/sshd-otel.yaml')];
    const { code, stderr } = await runChild({ command: process.execPath, args }, 60_000);
    assert.equal(code, 0, stderr);
  });

  test('lintian has nothing to say', async (t) => {
    const { started, stdout } = await runChild({ command: 'lintian', args: ['--allow-root', deb] }, 120_000);
    if (!started) return t.skip('lintian is not installed');
    assert.equal(stdout.trim(), '');
  });

  test('the tar.gz brings the same tree and an install script', async () => {
    const tar = await build('tar', folder);
    const { stdout } = await runChild({ command: 'tar', args: ['-tzf', tar] }, 60_000);
    const names = stdout.split('\n').map((name) => name.replace(/^[^/]*\//, ''));
    for (const name of ['install.sh', 'usr/lib/sshd-otel/node', 'usr/lib/systemd/system/sshd-otel.service'])
      assert.ok(names.includes(name), name);
  });
});
