/** TCP ports of loopback. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Resolves when somebody listens on all of these ports of IPv4. @throws Error after 20 s */
export async function whenListened(ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + 20_000;
  const ends = ports.map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`);
  for (;;) {
    const table = await readFile('/proc/net/tcp', 'latin1');
    if (ends.every((end) => table.includes(end))) return;
    if (performance.now() > deadline) throw new Error(`nobody listens on ${ports.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A port of loopback that was free just now. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === 'string') throw new Error('no free port on loopback');
  return bound.port;
}
