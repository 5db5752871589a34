import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';

const UNITS = fileURLToPath(new URL('../../deploy/systemd', import.meta.url));
const NAMES = ['sshd-otel-producer.socket', 'sshd-otel-producer.service', 'sshd-otel.service'];
/** Where a distribution keeps its own units, which ours refer to. */
const HOST_UNITS = ['/usr/lib/systemd/system', '/lib/systemd/system'].find((path) => existsSync(path));

const analyzer = await runChild({ command: 'systemd-analyze', args: ['--version'] }, 10_000);
const skip = analyzer.code !== 0 || HOST_UNITS === undefined ? 'systemd-analyze is not installed' : false;

describe('the units, as systemd-analyze reads them', { skip }, () => {
  let tree: string;
  before(async () => {
    tree = await mkdtemp(join(tmpdir(), 'sshd-otel-units-'));
    const system = join(tree, 'usr/lib/systemd/system');
    cpSync(HOST_UNITS ?? '', system, { recursive: true, verbatimSymlinks: true });
    for (const name of NAMES) cpSync(join(UNITS, name), join(system, name));
    for (const name of ['node', 'sshd-otel-producer']) executable(join(tree, 'usr/lib/sshd-otel', name));
    executable(join(tree, 'bin/kill'));
  });
  after(() => rm(tree, { recursive: true, force: true }));

  const analyze = (...args: string[]) => runChild({ command: 'systemd-analyze', args }, 30_000);

  test('nothing in them is unknown, misspelt or missing', async () => {
    const { code, stdout, stderr } = await analyze('verify', '--man=no', `--root=${tree}`, ...NAMES);
    // An unknown key is only printed; the exit status stays 0.
    assert.equal(ours(stdout + stderr), '');
    assert.equal(code, 0);
  });

  test('a misspelt key would be found', async () => {
    const wrong = join(tree, 'usr/lib/systemd/system/wrong.service');
    writeFileSync(wrong, readFileSync(join(UNITS, 'sshd-otel.service'), 'utf8').replace('PrivateTmp=', 'PrivateTemp='));
    const { stdout, stderr } = await analyze('verify', '--man=no', `--root=${tree}`, 'wrong.service');
    assert.match(stdout + stderr, /PrivateTemp/);
  });

  for (const [unit, most] of [
    ['sshd-otel-producer.service', 1.2],
    ['sshd-otel.service', 1.4],
  ] as const) {
    test(`${unit} is exposed at most ${most} of 10`, async () => {
      const args = ['--offline=true', `--root=${tree}`, `--threshold=${most * 10}`, '--no-pager', unit];
      const { code, stdout, stderr } = await analyze('security', ...args);
      const [verdict = stdout + stderr] = /Overall exposure level.*/.exec(stdout) ?? [];
      assert.equal(code, 0, verdict);
    });
  }

  test('the users that they name are made', async () => {
    const text = readFileSync(join(UNITS, 'sshd-otel.sysusers'), 'utf8');
    const made = [...text.matchAll(/^u (\S+)/gm)].map(([, name]) => name);
    for (const name of NAMES)
      for (const [, user] of readFileSync(join(UNITS, name), 'utf8').matchAll(/^(?:User|Group|SocketGroup)=(.*)$/gm))
        assert.ok(made.includes(user), `${name}: ${user}`);
  });
});

function executable(path: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n', { mode: 0o755 });
}

/** Lines about our units; a distribution's own may have flaws too. */
function ours(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.includes('sshd-otel'))
    .join('\n');
}
