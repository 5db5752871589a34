/** Forwards as spans, traced by libbpf: what the client asked for, and what came of it. */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { startLab } from '../../agent/lab/lab.ts';
import { checkSpans } from './span-checks.ts';
import { startTracing, whyNotLive } from './tracing.ts';

/** A server that answers each line with 70,000 bytes and closes, on a port of its own. */
async function target(): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.alloc(70_000, 'a')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}

/** Sends a SOCKS 5 request for a port of this host, then a line; resolves with the bytes that came behind the replies. */
async function bySocks(socksPort: number, port: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(socksPort, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    if (!open) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    let received = 0;
    socket.on('data', (data) => {
      received += data.length;
    });
    socket.on('error', () => undefined);
    socket.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
    socket.write('hello\n');
    await new Promise((resolve) => socket.once('close', resolve));
    return received - 2 - 10;
  }
  throw new Error('no SOCKS server');
}

describe('forwards, traced by libbpf', { skip: whyNotLive('libbpf'), timeout: 120_000 }, () => {
  it('tells -D, -R and a refused -W below their connections, with target, result and bytes', async () => {
    const [server, gone, socks] = await Promise.all([target(), target(), target()]);
    await Promise.all([gone.close(), socks.close()]);
    const lab = await startLab({ authorizedKeysSeconds: 0 });
    const tracing = await startTracing(lab, 'libbpf');
    try {
      const client = await lab.startSsh({
        args: ['-N', '-D', `${socks.port}`, '-R', `127.0.0.1:0:127.0.0.1:${server.port}`],
      });
      assert.equal(await bySocks(socks.port, server.port), 70_000);
      await client.waitForDebug('remote forward success');
      client.kill('SIGTERM');
      const { stderr } = await client.finished;
      const [, remotePort] = /Allocated port (\d+) for remote forward/.exec(stderr) ?? [];
      await lab.ssh({ args: ['-W', `127.0.0.1:${gone.port}`] });
      const traces = await tracing.traces(2);
      const told = traces.map((spans) =>
        spans
          .filter((span) => span.name === 'ssh.port_forward')
          .map(({ attributes: a, parentSpanId, kind, status }) => {
            assert.equal(parentSpanId, spans.find((span) => span.root)?.spanId);
            assert.deepEqual([kind, status], ['internal', 'unset']);
            const remote = a['ssh.forward.direction'] === 'remote';
            return [
              a['ssh.forward.direction'],
              a[remote ? 'network.local.port' : 'network.peer.port'],
              a['ssh.forward.result'],
              a['ssh.forward.bytes_received'],
              a['ssh.forward.bytes_sent'],
            ];
          })
          .sort(),
      );
      assert.deepEqual(told, [
        [
          ['local', server.port, 'opened', 70_000, 6],
          ['remote', Number(remotePort), 'opened', undefined, undefined],
        ],
        [['local', gone.port, 'refused', 0, 0]],
      ]);
    } finally {
      await tracing.stop();
      await lab.stop();
      await server.close();
    }
    checkSpans(tracing);
  });
});
