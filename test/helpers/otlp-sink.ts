import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { checkTraces } from './otlp-check.ts';
import { decodeRequest, type SinkSpan } from './otlp-decode.ts';
import { decodeMetrics, type SinkMetric } from './otlp-metrics.ts';

/** What the sink does with a request. Only `accept` and `partial` keep spans. */
export type Answer =
  | { readonly kind: 'accept' }
  /** Keeps all but the last `rejected`; also says so if there are none. */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Ends the connection by RST, after the whole request. */
  | { readonly kind: 'reset' }
  /** Never answers, until `release`, which then applies the answer of that time. */
  | { readonly kind: 'hang' }
  /** 200 and a body that comes byte by byte and never ends. */
  | { readonly kind: 'drip' }
  /** A web page with 200: somebody else listens there. */
  | { readonly kind: 'web-page' };

export interface SinkRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly SinkSpan[];
  /** Body as sent, compressed or not. */
  readonly bytes: number;
  /** TLS: the client's certificate was signed by our CA. */
  readonly authorized: boolean;
}

export const ACCEPT: Answer = { kind: 'accept' };
/** Fails a wait that nothing will end; far beyond what any test needs. */
const WAIT_MS = 20_000;

/** An OTLP/HTTP collector for tests: strict where back ends are, and at fault on demand. */
export class OtlpSink {
  /** Decides each request; replaced by a test whenever it likes. */
  answer: (request: SinkRequest) => Answer = () => ACCEPT;
  /** All requests that could be decoded, whatever was answered. */
  readonly requests: SinkRequest[] = [];
  /** Spans answered as accepted, duplicates included. */
  readonly kept: SinkSpan[] = [];
  /** The last word of `/v1/metrics`: one entry for each point. */
  metrics: readonly SinkMetric[] = [];
  metricRequests = 0;
  /** Of the last request with metrics. */
  metricHeaders: IncomingHttpHeaders = {};
  readonly #problems: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waits = new Set<() => void>();
  #hanging: (() => void)[] = [];
  readonly #host: string;
  #port: number;
  readonly #scheme: string;

  private constructor(tls: ServerOptions | undefined, host: string, port: number) {
    this.#host = host;
    this.#port = port;
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? createHttpsServer(tls) : createHttpServer();
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => {});
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const socket = request.socket as Socket & { authorized?: boolean };
        const head = { path: request.url ?? '', headers: request.headers, authorized: socket.authorized ?? false };
        this.#receive(head, Buffer.concat(chunks), response);
      });
    });
  }

  /** Listens on a free port of loopback, or of wherever it is told. */
  static async start(tls?: ServerOptions, where: { host?: string; port?: number } = {}): Promise<OtlpSink> {
    const sink = new OtlpSink(tls, where.host ?? '127.0.0.1', where.port ?? 0);
    await sink.listen();
    return sink;
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get endpoint(): string {
    return `${this.#scheme}://${this.#host}:${this.#port}`;
  }

  /** For `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. */
  get url(): string {
    return `${this.endpoint}/v1/traces`;
  }

  /** Back on the same port, after `refuse`. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections are refused and those that exist are cut. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Cuts the connections that idle; new ones are welcome. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Answers the requests that hang, as `answer` says now. */
  release(): void {
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const answer of hanging) answer();
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
  }

  /** Waits until `count` spans were accepted in all, and returns them. */
  async spans(count: number): Promise<readonly SinkSpan[]> {
    await this.#until(
      () => this.kept.length >= count,
      () => `${this.kept.length} of ${count} spans came`,
    );
    return this.kept;
  }

  /** Waits until `count` requests came in all, whatever was answered. */
  async requestCount(count: number): Promise<void> {
    await this.#until(
      () => this.requests.length >= count,
      () => `${this.requests.length} of ${count} requests came`,
    );
  }

  /** Waits until something that requests bring about is so. */
  until(done: () => boolean): Promise<void> {
    return this.#until(done, () => `${this.requests.length} requests, ${this.metricRequests} with metrics`);
  }

  /** Waits until the trace has its root, and returns its spans. */
  async trace(traceId: string): Promise<readonly SinkSpan[]> {
    const members = () => this.kept.filter((span) => span.traceId === traceId);
    const hasRoot = () => members().some((span) => span.parentSpanId === undefined);
    await this.#until(hasRoot, () => `no root of ${traceId}, ${members().length} other spans`);
    return members();
  }

  /** Throws a readable list of all that a back end would not take or show as it was meant. */
  check(): void {
    const problems = [...this.#problems, ...checkTraces(this.kept)];
    if (problems.length > 0)
      throw new Error(`${problems.length} problems in what was exported:\n${problems.join('\n')}`);
  }

  #receive(head: Pick<SinkRequest, 'path' | 'headers' | 'authorized'>, body: Buffer, response: ServerResponse): void {
    try {
      const plain = head.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      if (head.path === '/v1/metrics') {
        this.#receiveMetrics(plain, head, response);
        return;
      }
      const { spans, problems } = decodeRequest(plain, head.headers['content-type'] ?? '');
      const request = { ...head, spans, bytes: body.length };
      this.#problems.push(...problems);
      this.requests.push(request);
      this.#respond(request, response);
    } catch (error) {
      this.#problems.push(`a request that is not OTLP: ${String(error)}`);
      response.writeHead(400).end(String(error));
    }
    for (const wake of [...this.#waits]) wake();
  }

  #receiveMetrics(body: Buffer, head: Pick<SinkRequest, 'path' | 'headers' | 'authorized'>, response: ServerResponse) {
    const { metrics, problems } = decodeMetrics(body, head.headers['content-type'] ?? '');
    this.#problems.push(...problems);
    this.metrics = metrics;
    this.metricRequests += 1;
    this.metricHeaders = head.headers;
    this.#respond({ ...head, spans: [], bytes: body.length }, response);
    for (const wake of [...this.#waits]) wake();
  }

  #respond(request: SinkRequest, response: ServerResponse): void {
    const answer = this.answer(request);
    switch (answer.kind) {
      case 'accept':
        this.kept.push(...request.spans);
        this.#json(request, response, {});
        return;
      case 'partial': {
        const keep = request.spans.length - answer.rejected;
        this.kept.push(...request.spans.slice(0, keep));
        const partialSuccess = { rejectedSpans: String(answer.rejected), errorMessage: answer.message };
        this.#json(request, response, { partialSuccess });
        return;
      }
      case 'status':
        response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'hang':
        this.#hanging.push(() => {
          this.#respond(request, response);
          for (const wake of [...this.#waits]) wake();
        });
        return;
      case 'drip': {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(timer));
        return;
      }
      case 'web-page':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome to nginx!</title>');
        return;
    }
  }

  /** Answers in the encoding of the request, as the specification wants. */
  #json(
    request: SinkRequest,
    response: ServerResponse,
    body: { partialSuccess?: { rejectedSpans: string; errorMessage: string } },
  ): void {
    const contentType = request.headers['content-type'] ?? 'application/json';
    response.writeHead(200, { 'content-type': contentType });
    if (contentType === 'application/json') response.end(JSON.stringify(body));
    else response.end(encodePartial(body.partialSuccess));
  }

  async #until(done: () => boolean, describe: () => string): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waits.delete(wake);
        reject(new Error(`waited ${WAIT_MS} ms: ${describe()}`));
      }, WAIT_MS);
      const wake = () => {
        if (!done()) return;
        clearTimeout(timer);
        this.#waits.delete(wake);
        resolve();
      };
      this.#waits.add(wake);
    });
  }
}

/** `ExportTraceServiceResponse` as protobuf, for texts and counts below 128. */
function encodePartial(partial: { rejectedSpans: string; errorMessage: string } | undefined): Buffer {
  if (!partial) return Buffer.alloc(0);
  const text = Buffer.from(partial.errorMessage);
  const inner = Buffer.concat([Buffer.from([0x08, Number(partial.rejectedSpans), 0x12, text.length]), text]);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner]);
}
