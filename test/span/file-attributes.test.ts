import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CutBytes } from '../../agent/decode/kernel-event.ts';
import type { Attributes } from '../../agent/span/attribute-map.ts';
import { putFile, putFileTally } from '../../agent/span/file-attributes.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { FileFacts } from '../../agent/sshd/file-facts.ts';

const path = (text: string | Uint8Array, more = 0): CutBytes => {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return { bytes, length: bytes.length + more };
};

function attributesOf(file: Partial<FileFacts>, redactor = noRedaction): Attributes {
  const attributes: Attributes = {};
  putFile(attributes, { operation: 'remove', unclosed: false, ...file }, redactor);
  return attributes;
}

test('only what is known of a file is told', () => {
  assert.deepEqual(attributesOf({}), { 'ssh.file.operation': 'remove' });
  assert.deepEqual(attributesOf({ path: path('/a'), target: path('b'), errno: 17, readBytes: 0n, unclosed: true }), {
    'ssh.file.operation': 'remove',
    'file.path': '/a',
    'ssh.file.target_path': 'b',
    'ssh.file.error': 'EEXIST',
    'ssh.file.bytes_read': 0,
    'ssh.file.unclosed': true,
  });
  assert.equal(attributesOf({ errno: 4000 })['ssh.file.error'], 'errno 4000');
});

test('a path of any bytes becomes well-formed text of at most 2,048 bytes, and says where it was cut', () => {
  const broken = attributesOf({ path: path(Uint8Array.of(0x2f, 0xff, 0x80, 0x0a)) });
  assert.ok(String(broken['file.path']).isWellFormed());
  assert.equal(broken['ssh.file.path_truncated'], undefined);
  const long = attributesOf({ path: path(`/${'ä'.repeat(2_000)}`) });
  assert.ok(Buffer.byteLength(String(long['file.path'])) <= 2_048);
  assert.equal(long['ssh.file.path_truncated'], true);
  assert.equal(attributesOf({ path: path('/short', 1) })['ssh.file.path_truncated'], true);
});

test('a secret in a path is hidden and counted; where only names of programs may be told, so is every path', () => {
  const token = `ghp_${'a1B2'.repeat(9)}`;
  const told = attributesOf({ path: path(`/home/ada/${token}`), target: path(`/tmp/${token}`) }, createRedactor());
  assert.ok(!JSON.stringify(told).includes(token));
  assert.equal(told['ssh.redactions'], 2);
  const names = attributesOf({ path: path('/home/ada/plans') }, createRedactor({ mode: 'names-only' }));
  assert.ok(!JSON.stringify(names).includes('plans'));
});

test('the sums of a session; what is not told stands there only if there is some', () => {
  const sums = { operations: 3, notTold: 0, failed: 0, readBytes: 1n, writtenBytes: 2n };
  const attributes: Attributes = {};
  putFileTally(attributes, sums);
  assert.deepEqual(attributes, {
    'ssh.session.file_operations': 3,
    'ssh.session.file_bytes_read': 1,
    'ssh.session.file_bytes_written': 2,
  });
  const more: Attributes = {};
  putFileTally(more, { ...sums, notTold: 2, failed: 1 });
  assert.equal(more['ssh.session.file_operations_not_told'], 2);
  assert.equal(more['ssh.session.file_operations_failed'], 1);
});
