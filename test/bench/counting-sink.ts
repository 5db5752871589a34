/** A collector in its own process that only counts: started by `export.ts`, spoken to over the IPC channel. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** What the bench asks for. `listen` after `refuse` takes the same port again. */
export type SinkCommand = 'listen' | 'refuse' | 'report' | 'reset';

export interface SinkReport {
  readonly port: number;
  readonly spans: number;
  readonly uniqueSpans: number;
  readonly requests: number;
  readonly bytes: number;
}

let server: Server | undefined;
let port = 0;
let count = { spans: 0, requests: 0, bytes: 0 };
let ids = new Set<string>();

/** JSON bodies are searched for ids; protobuf ones are only counted, span by span, by the tag and length of the trace id. */
function countSpans(body: Buffer, isJson: boolean): void {
  if (isJson) {
    for (const [, id] of body.toString('latin1').matchAll(/"spanId":"([0-9a-f]{16})"/g)) {
      count.spans += 1;
      ids.add(id ?? '');
    }
    return;
  }
  // Span: trace_id = 1 (16 bytes), span_id = 2 (8 bytes), one right after the other.
  for (let at = body.indexOf('\x0a\x10', 0, 'latin1'); at >= 0; at = body.indexOf('\x0a\x10', at + 2, 'latin1')) {
    if (body[at + 18] !== 0x12 || body[at + 19] !== 0x08) continue;
    count.spans += 1;
    ids.add(body.toString('latin1', at + 20, at + 28));
  }
}

function listen(): void {
  const listening = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      count.requests += 1;
      count.bytes += body.length;
      const type = request.headers['content-type'] ?? 'application/json';
      response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
      countSpans(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, type === 'application/json');
    });
  });
  server = listening;
  listening.listen(port, '127.0.0.1', () => {
    port = (listening.address() as AddressInfo).port;
    report();
  });
}

function report(): void {
  process.send?.({ port, uniqueSpans: ids.size, ...count } satisfies SinkReport);
}

process.on('message', (command: SinkCommand) => {
  if (command === 'listen') return listen();
  if (command === 'refuse') {
    server?.close(report);
    server?.closeAllConnections();
    return;
  }
  if (command === 'reset') {
    count = { spans: 0, requests: 0, bytes: 0 };
    ids = new Set();
  }
  report();
});
process.on('disconnect', () => process.exit(0));
