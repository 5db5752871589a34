import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A piece that is as long has probably more behind it. Node reads so much at once, and keeps about so much of what nobody asks for. */
const FULL_BYTES = 65_536;

/** Spans wait for seconds, so nobody notices, while caches and code are cold behind each pause of a piece of two commands. */
const PIECE_EVERY_MS = 100;

/**
 * Bytes of a live stream, in few pieces: behind one that isn't full nothing is taken for a while, and then all that has come.
 * @throws what made the stream fail, also if it was destroyed before its end
 */
export async function* pacedChunks(readable: Readable, everyMs = PIECE_EVERY_MS): AsyncGenerator<Uint8Array> {
  let news = Promise.withResolvers<void>();
  const over = new AbortController();
  const done = finished(readable, { writable: false }).finally(() => {
    over.abort();
    news.resolve();
  });
  // Waited for at the end; it may fail before.
  done.catch(() => undefined);
  const wake = (): void => news.resolve();
  readable.on('readable', wake);
  try {
    while (!over.signal.aborted) {
      news = Promise.withResolvers();
      const chunk: Uint8Array | null = readable.read();
      if (chunk === null) {
        await news.promise;
        continue;
      }
      yield chunk;
      if (chunk.length < FULL_BYTES) await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
    await done;
  } finally {
    readable.off('readable', wake);
    readable.destroy();
  }
}
