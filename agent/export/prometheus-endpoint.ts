import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROMETHEUS_CONTENT_TYPE } from './prometheus-text.ts';

/** Never another: whoever may ask is on this host. */
const ADDRESS = '127.0.0.1';
/** A scraper asks once in a while. */
const MAX_CONNECTIONS = 16;

/** Answers `GET /metrics` on loopback. */
export class PrometheusEndpoint {
  readonly #server: Server;

  /** @param page makes what is served */
  constructor(page: () => Promise<string>) {
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
      request.resume();
      if (request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      page().then(
        (text) => response.writeHead(200, { 'content-type': PROMETHEUS_CONTENT_TYPE }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.unref();
  }

  /**
   * Resolves with the address to ask.
   * @throws the system's error if the port is taken
   */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, ADDRESS, resolve);
    });
    return `http://${ADDRESS}:${(this.#server.address() as AddressInfo).port}/metrics`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
