import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openRecording } from '../../agent/source/recording.ts';
import type { Source } from '../../agent/source/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'recording-'));
after(() => rmSync(folder, { recursive: true }));
const text = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('');

async function read(source: Source): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function saved(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('recording', () => {
  test('gives a plain file whole', async () => {
    const source = openRecording(saved('plain', text), Readable.from([]));
    assert.equal(await read(source), text);
    assert.equal((await source.ended).complete, true);
  });

  test('unpacks gzip, whatever the file is called', async () => {
    assert.equal(await read(openRecording(saved('packed', gzipSync(text)), Readable.from([]))), text);
  });

  test('reads standard input for -, also when its first bytes come singly', async () => {
    const packed = gzipSync(text);
    const stdin = Readable.from([packed.subarray(0, 1), packed.subarray(1, 2), packed.subarray(2)], {
      objectMode: false,
    });
    assert.equal(await read(openRecording('-', stdin)), text);
  });

  test('an empty file is an empty stream', async () => {
    const source = openRecording(saved('empty', ''), Readable.from([]));
    assert.equal(await read(source), '');
    assert.equal((await source.ended).complete, true);
  });

  test('gives what it can of a packed file that is cut, and says that it is', async () => {
    const packed = gzipSync(text);
    const source = openRecording(saved('cut', packed.subarray(0, packed.length / 2)), Readable.from([]));
    const got = await read(source);
    assert.ok(got.length > 10_000 && text.startsWith(got));
    assert.deepEqual(await source.ended, {
      complete: false,
      reason: `${join(folder, 'cut')} is cut inside its compression`,
    });
  });

  test('a missing file ends with a reason, it does not throw', async () => {
    const source = openRecording(join(folder, 'none'), Readable.from([]));
    assert.equal(await read(source), '');
    assert.deepEqual(await source.ended, { complete: false, reason: `${join(folder, 'none')} does not exist` });
  });

  test('close ends it in the middle', async () => {
    const source = openRecording(saved('long', text.repeat(20)), Readable.from([]));
    let bytes = 0;
    for await (const chunk of source.chunks) {
      bytes += chunk.length;
      source.close();
    }
    assert.ok(bytes > 0 && bytes < text.length * 20);
    assert.equal((await source.ended).reason, 'closed');
  });
});
