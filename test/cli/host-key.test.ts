import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CommandFailure } from '../../agent/cli/command.ts';
import { loadHostKey } from '../../agent/cli/host-key.ts';
import { runChild } from '../../agent/source/child-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'key-'));
after(() => rmSync(folder, { recursive: true }));

describe('host key', () => {
  test('is made once, random, for its owner alone', () => {
    const dir = join(folder, 'new', 'deep');
    const key = loadHostKey(dir);
    assert.equal(key.length, 32);
    assert.notDeepEqual(Buffer.from(key), Buffer.alloc(32));
    assert.deepEqual(Buffer.from(loadHostKey(dir)), Buffer.from(key));
    assert.equal(statSync(join(dir, 'host.key')).mode & 0o777, 0o600);
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(dir), ['host.key']);
    assert.notDeepEqual(loadHostKey(join(folder, 'other')), key);
  });

  test('is one key when several start at once', async () => {
    const dir = join(folder, 'race');
    const script = `import { loadHostKey } from ${JSON.stringify(new URL('../../agent/cli/host-key.ts', import.meta.url).href)};
      process.stdout.write(Buffer.from(loadHostKey(process.argv[1])).toString('hex'));`;
    const start = () =>
      runChild({ command: process.execPath, args: ['--input-type=module', '-e', script, dir] }, 30_000);
    const keys = await Promise.all([start(), start(), start(), start()]);
    assert.equal(new Set(keys.map(({ stdout }) => stdout)).size, 1, JSON.stringify(keys));
    assert.equal(keys[0]?.stdout, readFileSync(join(dir, 'host.key')).toString('hex'));
  });

  test('a file that is no key is never overwritten', () => {
    const dir = join(folder, 'bad');
    loadHostKey(dir);
    writeFileSync(join(dir, 'host.key'), 'short');
    assert.throws(
      () => loadHostKey(dir),
      (error) => error instanceof CommandFailure && /it has 5 bytes instead of 32/.test(error.message),
    );
    assert.equal(readFileSync(join(dir, 'host.key'), 'utf8'), 'short');
  });

  test('a folder that cannot be made is a sentence with a remedy', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o600);
    assert.throws(
      () => loadHostKey(join(file, 'state')),
      (error) => error instanceof CommandFailure && /--state-dir/.test(error.remedy ?? ''),
    );
  });
});
