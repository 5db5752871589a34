import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findProducers, prepareBpftrace } from '../../agent/supervise/producers.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sshd-otel-producers-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A bpftrace that tells this version. */
function bpftrace(says: string): string {
  const path = join(folder, `bpftrace-${says.replaceAll(/[^0-9a-z.]/g, '-')}`);
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

test('a bpftrace that is too old is refused with its version and the one that is needed', async () => {
  const found = await findProducers('bpftrace', {}, [bpftrace('bpftrace v0.16.0')]);
  assert.deepEqual(found.candidates, []);
  assert.equal(found.missing, 'bpftrace 0.16.0 is too old: 0.17 is the oldest');
  assert.equal(found.remedy, 'install bpftrace 0.17 or newer');
});

test('one that is new enough, or does not tell, is tried', async () => {
  for (const says of ['bpftrace v0.17.0', 'bpftrace v1.2.3', 'a build of our own']) {
    const found = await findProducers('bpftrace', {}, [bpftrace(says)]);
    assert.deepEqual([found.candidates.map(({ name }) => name), found.missing], [['bpftrace'], undefined], says);
  }
});

test('where there is none, its absence is told, not its age', async () => {
  const found = await findProducers('bpftrace', {}, [join(folder, 'none')]);
  assert.equal(found.missing, 'there is no tracer: bpftrace is not installed');
  assert.deepEqual(found.refused, []);
});

test('without room for what runs already it traces all the same, and says what is missing', () => {
  const about = { version: '1', bootId: '6f1d2c3b-4a59-4687-9e0d-1c2b3a495867', hostName: 'h', cpus: 1, script: 's' };
  const whole = prepareBpftrace('bpftrace', { ...about, machineId: undefined });
  whole.release();
  assert.deepEqual([whole.less, whole.command.extra?.length], [undefined, 1]);
  const tmp = process.env['TMPDIR'];
  process.env['TMPDIR'] = join(folder, 'none');
  try {
    const { less, command } = prepareBpftrace('bpftrace', { ...about, machineId: undefined });
    assert.match(less ?? '', /told without arguments and addresses: no temporary file \(ENOENT\)/);
    assert.equal(command.extra, undefined);
  } finally {
    if (tmp === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = tmp;
  }
});
