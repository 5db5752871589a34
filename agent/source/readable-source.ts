import type { Readable } from 'node:stream';
import type { Source, SourceEnd } from './source.ts';
import { errorCode } from './system-error.ts';

/**
 * A stream that is open already, for instance standard input.
 * @param read how its bytes are taken; default: as they come
 */
export function readableSource(
  readable: Readable,
  name: string,
  read: (readable: Readable) => AsyncIterable<Uint8Array> = (all) => all,
): Source {
  const ended = Promise.withResolvers<SourceEnd>();
  let closed = false;
  return {
    chunks: walk(),
    ended: ended.promise,
    close() {
      closed = true;
      readable.destroy();
    },
  };

  async function* walk(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of read(readable)) yield chunk;
      ended.resolve({ complete: true, reason: `${name} ended` });
    } catch (error) {
      ended.resolve(closed ? { complete: false, reason: 'closed' } : { complete: false, reason: failure(name, error) });
    } finally {
      ended.resolve({ complete: false, reason: 'closed' });
    }
  }
}

/** What went wrong with a stream or file, as a clause. */
export function failure(name: string, error: unknown): string {
  const code = errorCode(error);
  switch (code) {
    case 'ENOENT':
      return `${name} does not exist`;
    case 'EACCES':
    case 'EPERM':
      return `no right to read ${name}`;
    case 'EISDIR':
      return `${name} is a folder`;
    case 'Z_BUF_ERROR':
      return `${name} is cut inside its compression`;
    case 'Z_DATA_ERROR':
      return `${name} is damaged inside its compression`;
    default:
      return `${name} cannot be read (${code ?? 'unknown error'})`;
  }
}
