import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { pacedChunks } from './paced.ts';
import { failure } from './readable-source.ts';
import type { Source, SourceEnd } from './source.ts';

export interface SocketSourceOptions {
  readonly backoff?: BackoffOptions | undefined;
  /** Told at each change: connected, or not and why. */
  readonly onState?: ((connected: boolean, reason: string) => void) | undefined;
}

const NEWLINE = Uint8Array.of(10);

/**
 * A producer that runs as a service of its own and listens on a unix socket. It is connected to again and again until
 * `close`; each connection opens with a new `hello`. A line that was cut by the end of a connection is ended, so that it
 * cannot swallow that `hello`.
 */
export function socketSource(path: string, options: SocketSourceOptions = {}): Source {
  const closing = new AbortController();
  const ended = Promise.withResolvers<SourceEnd>();
  return { chunks: walk(), ended: ended.promise, close: () => closing.abort() };

  async function* walk(): AsyncGenerator<Uint8Array> {
    try {
      yield* connections();
    } finally {
      ended.resolve({ complete: false, reason: 'closed' });
    }
  }

  async function* connections(): AsyncGenerator<Uint8Array> {
    const backoff = new Backoff(options.backoff);
    while (!closing.signal.aborted) {
      const startMs = performance.now();
      const socket = connect({ path, signal: closing.signal });
      let reason = `${path}: the producer closed the connection`;
      try {
        await once(socket, 'connect');
        options.onState?.(true, `connected to ${path}`);
        for await (const chunk of pacedChunks(socket)) yield chunk;
      } catch (error) {
        reason = failure(path, error);
      } finally {
        socket.destroy();
      }
      if (closing.signal.aborted) break;
      yield NEWLINE;
      options.onState?.(false, reason);
      await sleep(backoff.pauseAfter(performance.now() - startMs), undefined, { signal: closing.signal }).catch(
        () => {},
      );
    }
  }
}
