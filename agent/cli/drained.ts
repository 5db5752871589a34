import type { Writable } from 'node:stream';

const EVENTS = ['drain', 'close', 'error'] as const;

/** Resolves when a stream that is full takes more, or never will again; leaves no listener behind. */
export function drained(stream: Pick<Writable, 'on' | 'off'>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of EVENTS) stream.off(event, done);
      resolve();
    };
    for (const event of EVENTS) stream.on(event, done);
  });
}
