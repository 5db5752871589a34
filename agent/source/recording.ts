import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readableSource } from './readable-source.ts';
import type { Source } from './source.ts';

/**
 * A saved stream: a file, or `stdin` for the path `-`; plain or compressed by gzip, which its first two bytes tell. What
 * can be read of a file that is cut or damaged is given before the end says so.
 */
export function openRecording(path: string, stdin: Readable): Source {
  const name = path === '-' ? 'standard input' : path;
  const raw = path === '-' ? stdin : createReadStream(path, { highWaterMark: 256 * 1024 });
  return readableSource(Readable.from(unpack(raw), { objectMode: false, highWaterMark: 256 * 1024 }), name);
}

async function* unpack(raw: Readable): AsyncGenerator<Uint8Array> {
  const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let head = new Uint8Array();
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
    return;
  }
  const gunzip = createGunzip();
  const packed = Readable.from(withHead(head, chunks), { objectMode: false });
  packed.once('error', (error) => gunzip.destroy(error));
  yield* packed.pipe(gunzip) as AsyncIterable<Uint8Array>;
}

async function* withHead(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}
