import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { socketSource } from '../../agent/source/socket-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'socket-'));
after(() => rmSync(folder, { recursive: true }));
const fast = { firstMs: 5, maxMs: 10 };

async function serve(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  server.listen(path);
  await once(server, 'listening');
  return server;
}

describe('socket source', () => {
  test('waits for the socket to appear, and says why it waits', async () => {
    const path = join(folder, 'late');
    const states: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const source = socketSource(path, {
      backoff: fast,
      onState: (_, reason) => {
        states.push(reason);
        waiting.resolve();
      },
    });
    const reading = (async () => {
      for await (const chunk of source.chunks) if (Buffer.from(chunk).toString().includes('hello')) return 'came';
      return 'ended';
    })();
    await waiting.promise;
    const server = await serve(path, (socket) => socket.write('hello\n'));
    assert.equal(await reading, 'came');
    assert.equal(states[0], `${path} does not exist`);
    assert.equal(states.at(-1), `connected to ${path}`);
    server.close();
  });

  test('connects again when the producer is gone, and ends the line that was cut', async () => {
    const path = join(folder, 'again');
    let connections = 0;
    const server = await serve(path, (socket) => {
      connections++;
      socket.end(connections === 1 ? '{"k":"for' : '{"k":"hello"}\n');
    });
    const source = socketSource(path, { backoff: fast });
    let text = '';
    for await (const chunk of source.chunks) {
      text += Buffer.from(chunk).toString();
      if (text.includes('hello')) source.close();
    }
    assert.ok(text.startsWith('{"k":"for\n'), JSON.stringify(text));
    assert.ok(text.includes('\n{"k":"hello"}\n'));
    assert.deepEqual(await source.ended, { complete: false, reason: 'closed' });
    server.close();
  });

  test('holds the producer back while nobody reads', async () => {
    const path = join(folder, 'slow');
    const full = Promise.withResolvers<number>();
    let written = 0;
    const server = await serve(path, (socket) => {
      const block = Buffer.alloc(65_536, 0x61);
      const pump = (): void => {
        written += block.length;
        if (socket.write(block)) setImmediate(pump);
        else {
          const stuck = setTimeout(() => full.resolve(written), 100);
          socket.once('drain', () => {
            clearTimeout(stuck);
            pump();
          });
        }
      };
      socket.on('error', () => undefined);
      pump();
    });
    const source = socketSource(path, { backoff: fast });
    const walker = source.chunks[Symbol.asyncIterator]();
    await walker.next();
    assert.ok((await full.promise) < 8_000_000);
    await walker.return?.();
    server.close();
  });

  test('close ends it while it waits', async () => {
    const source = socketSource(join(folder, 'never'), { onState: () => source.close(), backoff: { firstMs: 60_000 } });
    for await (const _ of source.chunks);
    assert.equal((await source.ended).reason, 'closed');
  });
});
