import { parsePartialSuccess } from './partial-success.ts';
import { printable } from './printable.ts';

/** What became of one request. */
export type SendOutcome =
  /** The collector has it, except `rejected` spans that it will never take (partial success). */
  | { readonly kind: 'accepted'; readonly rejected: number; readonly note?: string | undefined }
  /** Nothing wrong with the spans: try again. `at-once`: the fault was a stale connection, `slow`: a person must act. */
  | {
      readonly kind: 'retry';
      readonly pace: 'at-once' | 'normal' | 'slow';
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
    }
  /** The collector refuses this very content; the same again would be refused again. */
  | { readonly kind: 'refused'; readonly reason: string };

/** An answer as it came, or the error in its place. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** The first part of the body, decoded as Latin-1 so that no byte is lost. */
  readonly body: string;
  readonly retryAfterMs?: number | undefined;
}

export interface RequestError {
  /** As Node names it (`ECONNREFUSED`, `CERT_HAS_EXPIRED`, …); empty if it has none. */
  readonly code: string;
  readonly message: string;
  /** The request went out on a connection kept from an earlier one, which the collector may have closed meanwhile. */
  readonly reusedConnection: boolean;
}

/** What an operator can do about an answer that no retry will mend. */
const SLOW_STATUS: Readonly<Record<number, string>> = {
  401: 'wrong or missing credentials: see OTEL_EXPORTER_OTLP_HEADERS',
  403: 'these credentials may not send traces: see OTEL_EXPORTER_OTLP_HEADERS',
  404: 'nothing takes traces at this path: see OTEL_EXPORTER_OTLP_ENDPOINT',
  405: 'nothing takes traces at this path: see OTEL_EXPORTER_OTLP_ENDPOINT',
  407: 'a proxy in between wants credentials',
  415: 'it does not take this encoding: see OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_EXPORTER_OTLP_COMPRESSION',
};

/** The content is at fault (opentelemetry-proto, docs/specification.md, "Failures": 400 must not be retried as it is). */
const REFUSING_STATUS: ReadonlySet<number> = new Set([400, 413, 422]);

/** Errors that come from certificates or addresses in our configuration, not from an outage. */
const SLOW_ERROR = /^(CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_INVALID|EPROTO|HOSTNAME_MISMATCH)/;

export function outcomeOfAnswer(answer: Answer): SendOutcome {
  const { status } = answer;
  if (status >= 200 && status <= 299) return outcomeOfSuccess(answer);
  if (REFUSING_STATUS.has(status)) return { kind: 'refused', reason: `answer ${status}${quoted(answer)}` };
  const hint =
    SLOW_STATUS[status] ?? (status < 500 && status !== 408 && status !== 429 ? 'this is no OTLP answer' : '');
  if (hint !== '') return { kind: 'retry', pace: 'slow', reason: `answer ${status} (${hint})${quoted(answer)}` };
  return {
    kind: 'retry',
    pace: 'normal',
    reason: `answer ${status}${quoted(answer)}`,
    retryAfterMs: answer.retryAfterMs,
  };
}

export function outcomeOfError(error: RequestError): SendOutcome {
  if (error.reusedConnection && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) {
    return { kind: 'retry', pace: 'at-once', reason: 'the connection had been closed' };
  }
  const pace = SLOW_ERROR.test(error.code) ? 'slow' : 'normal';
  return { kind: 'retry', pace, reason: printable(error.message === '' ? error.code : error.message) };
}

/**
 * A web server that is no collector also says 200. An empty body is taken for success, as many receivers send none;
 * markup is not.
 */
function outcomeOfSuccess(answer: Answer): SendOutcome {
  if (answer.contentType.startsWith('text/html') || answer.body.trimStart().startsWith('<')) {
    const reason = `answer ${answer.status} with a web page (no collector: see OTEL_EXPORTER_OTLP_ENDPOINT)`;
    return { kind: 'retry', pace: 'slow', reason };
  }
  const partial = parsePartialSuccess(answer.body, answer.contentType);
  const note = partial.message === '' ? undefined : printable(partial.message);
  return { kind: 'accepted', rejected: partial.rejectedSpans, note };
}

function quoted(answer: Answer): string {
  if (answer.body === '' || answer.contentType.startsWith('application/x-protobuf')) return '';
  const text = Buffer.from(answer.body, 'latin1').toString('utf8');
  return `: “${printable(messageOf(text))}”`;
}

/** The `message` of the `Status` that an OTLP server sends with an error, else the body as it is. */
function messageOf(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') {
      return parsed.message;
    }
  } catch {
    // Not JSON: plain text says as much.
  }
  return body;
}
