/** Files of a real session of internal-sftp, with more operations put where its own are, or some of them taken away. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { FileEvent, KernelEvent } from '../../agent/decode/kernel-event.ts';
import type { FileActivity } from '../../agent/sshd/session-event.ts';
import { compareTold } from '../helpers/compare-told.ts';
import { cutStream, numbered } from '../helpers/cut-stream.ts';
import { decodeAll, ofKind, refText, type ToldConnection, tell } from '../helpers/model.ts';

const recorded = (name: string) =>
  gunzipSync(readFileSync(join(import.meta.dirname, '..', 'streams', 'matrix', `${name}.ndjson.gz`)));
const LOGIN = decodeAll(recorded('9.2-sftp_int-exact'));
const isFile = (event: KernelEvent) => event.kind === 'file';
const AT = LOGIN.findIndex(isFile);
const FIRST = LOGIN[AT];
assert.ok(FIRST?.kind === 'file');
const NOW = FIRST.tsNs;

/** One of the server's operations, so many ns after its first. */
function operation(id: number, op: FileEvent['op'], more: Partial<FileEvent> = {}): FileEvent {
  const { process, conn, role } = FIRST as FileEvent;
  return { kind: 'file', tsNs: NOW + BigInt(id), process, conn, role, op, id, ret: 0, forced: false, ...more };
}

/** The session with these operations in place of its own. */
function withFiles(files: readonly FileEvent[]): ToldConnection {
  const rest = LOGIN.slice(AT).filter((event) => !isFile(event));
  const told = tell([...LOGIN.slice(0, AT), ...files, ...rest]);
  const [connection] = told.connections;
  assert.ok(connection);
  assert.deepEqual(told.left, { connections: 0, processes: 0 });
  return connection;
}

const tallyOf = (told: ToldConnection) => ofKind(told, 'session')[0]?.files;
const line = (file: FileActivity) => `${file.operation} ${file.endNs - file.startNs} ${file.readBytes}`;

test('an open lasts until its close, whatever comes between; everything else is over at once', () => {
  const told = withFiles([
    operation(1, 'open', { mode: 'read' }),
    operation(2, 'list'),
    operation(3, 'mkdir'),
    operation(4, 'open', { mode: 'both', ret: -13 }),
    operation(2, 'close', { tsNs: NOW + 20n, readBytes: 0n, writtenBytes: 0n }),
    operation(1, 'close', { tsNs: NOW + 31n, readBytes: 7n, writtenBytes: 0n, forced: true }),
  ]);
  const files = ofKind(told, 'file');
  assert.deepEqual(files.map(line), ['read 30 7', 'list 18 undefined', 'mkdir 0 undefined', 'read_write 0 undefined']);
  assert.deepEqual(
    files.map((file) => [file.errno, file.unclosed]),
    [
      [undefined, true],
      [undefined, false],
      [undefined, false],
      [13, false],
    ],
  );
  const [session] = ofKind(told, 'session');
  assert.ok(session && files.every((file) => refText(file.parent) === refText(session.ref)));
  assert.deepEqual(session.files, { operations: 4, notTold: 0, failed: 1, readBytes: 7n, writtenBytes: 0n });
});

test('of an open whose close was lost nobody knows how much, nor until when', () => {
  const [file] = ofKind(withFiles([operation(1, 'open', { mode: 'write' })]), 'file');
  assert.deepEqual([file?.writtenBytes, file?.endUnknown, file?.incomplete], [undefined, true, ['events_lost']]);
});

test('a close whose open was lost counts its bytes and tells nothing', () => {
  const told = withFiles([operation(1, 'close', { readBytes: 3n, writtenBytes: 4n })]);
  assert.deepEqual(ofKind(told, 'file'), []);
  assert.deepEqual(tallyOf(told), { operations: 0, notTold: 0, failed: 0, readBytes: 3n, writtenBytes: 4n });
});

test('a session tells 500 operations and counts the rest, those that the producer only counted among them', () => {
  const many = Array.from({ length: 600 }, (_, i) => operation(i + 1, 'open', { mode: 'write', ret: i % 2 ? 0 : -2 }));
  const close = operation(600, 'close', { tsNs: NOW + 700n, readBytes: 0n, writtenBytes: 11n });
  const rest = { id: undefined, count: 99_400, failed: 400, readBytes: 5n, writtenBytes: 6n, tsNs: NOW + 800n };
  const told = withFiles([...many, close, operation(0, 'rest', rest)]);
  assert.equal(ofKind(told, 'file').length, 500);
  assert.equal(new Set(ofKind(told, 'file').map((file) => refText(file.ref))).size, 500);
  const sums = { operations: 100_000, notTold: 99_500, failed: 700, readBytes: 5n, writtenBytes: 17n };
  assert.deepEqual(tallyOf(told), sums);
});

test('a session without files says nothing of them', () => {
  assert.equal(tallyOf(withFiles([])), undefined);
});

for (const name of ['9.2-sftp_ext-exact', '10.0-scp-exact']) {
  test(`${name}: with records cut out at random no operation is wrong, nor below a program that did not do it`, () => {
    const lines = numbered(recorded(name));
    const truth = tell(decodeAll(new TextEncoder().encode(`${lines.join('\n')}\n`)));
    for (let seed = 1; seed <= 60; seed++) {
      const told = tell(decodeAll(cutStream(lines, [0.01, 0.1, 0.5][seed % 3] ?? 0, seed).bytes));
      for (const cut of told.connections) {
        const real = truth.connections.find((one) => one.facts.id.startNs === cut.facts.id.startNs);
        assert.ok(real);
        assert.deepEqual(compareTold(real, cut).wrong, [], `seed ${seed}`);
        const files = ofKind(cut, 'file').length;
        if (files < ofKind(real, 'file').length) assert.ok(cut.facts.incomplete.size > 0, `seed ${seed} is not marked`);
      }
    }
  });
}
