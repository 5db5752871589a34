import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findProducers } from '../../agent/supervise/producers.ts';

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
