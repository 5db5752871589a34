/** Does the collector answer, and does it take what we would send? */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ExportOptions } from '../export/options.ts';
import { printableUrl } from '../export/printable.ts';
import { errorCode } from '../source/system-error.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

const SUBJECT = 'collector';
const MAX_WAIT_MS = 10_000;

/** Sends a request without a single span: every collector takes that. */
export async function checkCollector(options: ExportOptions): Promise<Finding> {
  if (!options.enabled)
    return note(SUBJECT, 'none configured: traces are drawn on the terminal (OTEL_EXPORTER_OTLP_ENDPOINT names one)');
  const where = printableUrl(options.url);
  try {
    return judge(await postNothing(options), where);
  } catch (error) {
    return unreachable(error, where);
  }
}

function postNothing(options: ExportOptions): Promise<number> {
  const url = new URL(options.url);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const json = options.protocol === 'http/json';
  const timeoutMs = Math.min(options.timeoutMs, MAX_WAIT_MS);
  const { ca, cert, key } = options.tls;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: { ...options.headers, 'content-type': json ? 'application/json' : 'application/x-protobuf' },
      signal: AbortSignal.timeout(timeoutMs),
      ...(ca && { ca: Buffer.from(ca) }),
      ...(cert && { cert: Buffer.from(cert) }),
      ...(key && { key: Buffer.from(key) }),
    });
    sent.once('response', (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject);
    sent.end(json ? '{"resourceSpans":[]}' : '');
  });
}

function judge(status: number, where: string): Finding {
  if (status >= 200 && status < 300) return ok(SUBJECT, `${where} answers`);
  const said = `${where} answers with status ${status}`;
  if (status === 401 || status === 403)
    return fail(
      SUBJECT,
      `${said}: it does not accept our credentials`,
      'set OTEL_EXPORTER_OTLP_HEADERS, for instance authorization=Bearer%20TOKEN',
    );
  if (status === 404 || status === 405)
    return fail(
      SUBJECT,
      `${said}: nothing takes traces at this path`,
      'OTEL_EXPORTER_OTLP_ENDPOINT is the address without /v1/traces; the port for HTTP is usually 4318, 4317 speaks gRPC',
    );
  if (status === 415)
    return fail(
      SUBJECT,
      `${said}: it does not take this encoding`,
      'set OTEL_EXPORTER_OTLP_PROTOCOL to http/json or http/protobuf',
    );
  if (status >= 300 && status < 400)
    return fail(
      SUBJECT,
      `${said}: it sends us elsewhere, and we do not follow`,
      'set OTEL_EXPORTER_OTLP_ENDPOINT to its final address',
    );
  if (status === 429 || status >= 500)
    return warn(SUBJECT, `${said}: it is overloaded or out of order; spans wait in the queue`);
  return fail(SUBJECT, said, 'its own log tells why');
}

function unreachable(error: unknown, where: string): Finding {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown error');
  if (code === 'ECONNREFUSED')
    return fail(SUBJECT, `nothing listens at ${where}`, 'start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fail(SUBJECT, `the name in ${where} does not resolve`, 'correct OTEL_EXPORTER_OTLP_ENDPOINT');
  if (code === 'ABORT_ERR' || code === 'AbortError' || code === 'TimeoutError' || code === 'ETIMEDOUT')
    return fail(SUBJECT, `${where} does not answer in time`, 'look for a firewall between here and there');
  if (/CERT|SELF_SIGNED|UNABLE_TO|ISSUER/.test(code))
    return fail(
      SUBJECT,
      `the certificate of ${where} is not trusted (${code})`,
      'name its authority in OTEL_EXPORTER_OTLP_CERTIFICATE',
    );
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code))
    return fail(
      SUBJECT,
      `no TLS with ${where} (${code})`,
      'write http:// if it speaks none, or set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _KEY if it asks for ours',
    );
  if (code === 'ECONNRESET' || code === 'HPE_INVALID_CONSTANT' || code.startsWith('HPE_'))
    return fail(
      SUBJECT,
      `${where} does not speak HTTP as we do (${code})`,
      'write https:// if it speaks TLS; the port for HTTP is usually 4318, 4317 speaks gRPC',
    );
  return fail(SUBJECT, `${where} cannot be reached (${code})`, 'correct OTEL_EXPORTER_OTLP_ENDPOINT');
}
