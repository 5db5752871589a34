import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { notExact } from '../../agent/cli/stream-faults.ts';
import { decodeAll } from '../helpers/model.ts';

function helloOf(name: string) {
  const packed = readFileSync(join(import.meta.dirname, '..', 'streams', 'matrix', `${name}.ndjson.gz`));
  const [hello] = decodeAll(gunzipSync(packed));
  assert.ok(hello?.kind === 'hello');
  return hello;
}

test('a producer that does not run in exact mode is told of where that was asked for, and only there', () => {
  const [plain, exact] = [helloOf('9.2-sftp_int'), helloOf('9.2-sftp_int-exact')];
  assert.match(notExact(true, plain) ?? '', /exact mode was asked for, but the libbpf producer does not run in it/);
  assert.equal(notExact(true, exact), undefined);
  assert.equal(notExact(false, plain), undefined);
  assert.equal(notExact(true, undefined), undefined);
});
