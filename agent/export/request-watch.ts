import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Answer, RequestError } from './send-outcome.ts';

/** As much of an answer's body as is read for a reason or a partial success. */
const MAX_BODY_BYTES = 64 * 1024;
/** Longer than any deadline: the exporter gives up at once when it shall wait beyond its own. */
const NEVER_S = '86400';
/** In front of an error code it makes it unknown to the exporter, which then does not retry. */
const FINAL = 'FINAL_';

/** What was seen of the one request under way. */
export interface Seen {
  answer?: Answer;
  error?: RequestError;
}

/**
 * Sees what `OTLPTraceExporter` does not tell: status, Retry-After, error and the exact body of every answer, by
 * Node's documented `http.client.*` diagnostics channels and for requests of one agent only.
 *
 * It also takes the exporter's own retries away (otlp-exporter-base 0.223, retrying-transport.ts: five tries within
 * the time-out, not configurable). They would hide a failure for up to 8 s and wait apart from our back-off. The exporter
 * stops by itself when it shall wait beyond its deadline, and when it does not know the error; so an answer's Retry-After
 * and an error's code are changed after they were noted. Should a later version decide otherwise, it retries again: slower to
 * tell, but every count stays right.
 */
export class RequestWatch {
  readonly #agent: Agent;
  #request: ClientRequest | undefined;
  #seen: Seen = {};
  #abortWith: string | undefined;

  constructor(agent: Agent) {
    this.#agent = agent;
    subscribe('http.client.request.created', this.#onCreated);
    subscribe('http.client.request.start', this.#onCreated);
    subscribe('http.client.request.error', this.#onError);
    subscribe('http.client.response.finish', this.#onResponse);
  }

  /** Forgets the last request; call before each one. */
  begin(): Seen {
    this.#request = undefined;
    this.#abortWith = undefined;
    this.#seen = {};
    return this.#seen;
  }

  /** Ends the request that began, even before it is really made, with `message` as its error. */
  abort(message: string): void {
    this.#abortWith = message;
    this.#request?.destroy(new Error(message));
  }

  close(): void {
    unsubscribe('http.client.request.created', this.#onCreated);
    unsubscribe('http.client.request.start', this.#onCreated);
    unsubscribe('http.client.request.error', this.#onError);
    unsubscribe('http.client.response.finish', this.#onResponse);
  }

  /** Told twice by recent versions of Node: when it is made and when it is first written. */
  readonly #onCreated = (message: unknown): void => {
    const { request } = message as { request: ClientRequest & { agent?: Agent } };
    if (request.agent !== this.#agent) return;
    this.#request = request;
    if (this.#abortWith !== undefined) request.destroy(new Error(this.#abortWith));
  };

  readonly #onError = (message: unknown): void => {
    const { request, error } = message as { request: ClientRequest; error: Error & { code?: string } };
    if (request !== this.#request) return;
    const code = error.code ?? '';
    this.#seen.error ??= { code, message: textOf(error), reusedConnection: request.reusedSocket };
    error.code = `${FINAL}${code}`;
  };

  readonly #onResponse = (message: unknown): void => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    if (request !== this.#request) return;
    const seen = this.#seen;
    const status = response.statusCode ?? 0;
    const contentType = response.headers['content-type'] ?? '';
    const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], Date.now());
    response.headers['retry-after'] = NEVER_S;
    seen.answer = { status, contentType, retryAfterMs, body: '' };
    let body = '';
    // Latin-1 keeps every byte; the listener stands before the exporter's own, in the same turn, so both get all.
    response.on('data', (chunk: Buffer) => {
      if (body.length >= MAX_BODY_BYTES) return;
      body += chunk.toString('latin1');
      seen.answer = { status, contentType, retryAfterMs, body };
    });
  };
}

/** RFC 9110, 10.2.3: seconds or a date. Absent, unreadable or past: undefined. At most an hour. */
export function parseRetryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return waitMs > 0 ? Math.min(waitMs, 3_600_000) : undefined;
}

/** An `AggregateError` (several addresses of one name tried) has an empty message of its own. */
function textOf(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors.map((one: unknown) => (one instanceof Error ? one.message : String(one))).join('; ');
  }
  return error.message;
}
