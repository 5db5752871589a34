/** What records of the bpftrace producer say of a connection. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Connection, Row } from './observer.ts';

/** The string at an offset of a monitor message: u32 length, then the bytes. */
export function stringAt(data: Buffer, offset: number): Buffer {
  return data.subarray(offset + 4, offset + 4 + data.readUInt32BE(offset));
}

/** Fingerprint of the key in a message 22: type, user, host, then the blob. */
export function fingerprintOf(data: Buffer): string {
  let offset = 4;
  for (let skipped = 0; skipped < 2; skipped++) offset += 4 + data.readUInt32BE(offset);
  return `SHA256:${createHash('sha256').update(stringAt(data, offset)).digest('base64').replace(/=+$/, '')}`;
}

/** Types of all its monitor messages, in order. */
export function typesOf(connection: Connection): readonly number[] {
  return connection.messages.map((message) => message.type);
}

/** Types of the pre-authentication dialogue that say how it went; the host's build adds others. */
export function dialogue(connection: Connection): readonly number[] {
  const telling = new Set([8, 9, 12, 13, 22, 23, 24, 25, 26, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111]);
  return typesOf(connection).filter((type) => telling.has(type));
}

/** The exec of the program with this argv[0]. */
export function exec(connection: Connection, name: string): { readonly row: Row; readonly argv: readonly string[] } {
  const found = connection.execs.find(({ argv }) => argv[0] === name);
  assert.ok(found, `${name} is not among ${connection.execs.map(({ argv }) => argv[0]).join(' ')}`);
  return found;
}

/** The exit of the process that a record is about. */
export function exitOf(connection: Connection, process: Row): Row {
  const found = connection.rows.find(
    (row) => row.k === 'exit' && row.pid === process.pid && row.start === process.start,
  );
  assert.ok(found, `process ${process.pid} has no exit`);
  return found;
}

/** Every process of the connection was forked under the identity that its later records carry, and has exited. */
export function assertWholeTree(connection: Connection): void {
  const born = new Set(
    connection.rows.filter((row) => row.k === 'fork').map((row) => `${row.child} ${row.child_start}`),
  );
  born.add(`${connection.accept.pid} ${connection.accept.start}`);
  for (const row of connection.rows) {
    if (row.start !== undefined) assert.ok(born.has(`${row.pid} ${row.start}`), `${row.k} of an unborn process`);
  }
  for (const id of born) {
    const exits = connection.rows.filter((row) => row.k === 'exit' && `${row.pid} ${row.start}` === id);
    assert.equal(exits.length, 1, `exits of ${id}`);
  }
}

/** How many records have a number; each CPU's follow one another without a gap. */
export function numberedRecords(rows: readonly Row[]): number {
  const next = new Map<number, number>();
  let numbered = 0;
  for (const row of rows) {
    if (row.cpu === undefined || row.seq === undefined) continue;
    assert.equal(row.seq, next.get(row.cpu) ?? 0, 'a gap');
    next.set(row.cpu, row.seq + 1);
    numbered++;
  }
  return numbered;
}

/** Lines of a stream that are no records. */
export function strayLines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('{"k":"'));
}
