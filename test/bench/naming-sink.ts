/** A collector in its own process that counts spans by name: started by `whole-way.ts`, spoken to over the IPC channel. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** `NAME`: tell, beside the counts, how long after their end spans of that name arrived. Empty: only the counts. */
export interface NamingCommand {
  readonly timed: string;
}

export interface NamingReport {
  readonly port: number;
  /** Spans so far, by name. */
  readonly names: Readonly<Record<string, number>>;
  /** Of spans of the timed name that came since it was named: from their end to their arrival, ms. */
  readonly latenciesMs: readonly number[];
}

interface Span {
  readonly name: string;
  readonly endTimeUnixNano: string;
}

interface Body {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

const names = new Map<string, number>();
let timed = '';
let latenciesMs: number[] = [];

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const arrivedMs = performance.timeOrigin + performance.now();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    const whole = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole;
    const { resourceSpans }: Body = JSON.parse(body.toString());
    for (const { name, endTimeUnixNano } of resourceSpans.flatMap((each) =>
      each.scopeSpans.flatMap((one) => one.spans),
    )) {
      names.set(name, (names.get(name) ?? 0) + 1);
      if (name === timed) latenciesMs.push(arrivedMs - Number(BigInt(endTimeUnixNano) / 1_000n) / 1_000);
    }
  });
});

function report(): void {
  const { port } = server.address() as AddressInfo;
  process.send?.({ port, names: Object.fromEntries(names), latenciesMs } satisfies NamingReport);
}

process.on('message', (command: NamingCommand) => {
  if (command.timed !== timed) latenciesMs = [];
  timed = command.timed;
  if (server.listening) report();
  else server.listen(0, '127.0.0.1', report);
});
process.on('disconnect', () => process.exit(0));
