/** What the official exporters of spans and of metrics are given alike. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { TransportOptions } from './transport-variables.ts';

/**
 * One connection, kept alive. The agent is our own, which also means that the certificates are ours to set: any
 * `httpAgentOptions` makes an exporter forget those of the environment (otlp-exporter-base 0.223), and by itself it ignores
 * a file that it cannot read.
 */
export function createHttpAgent({ url, tls }: Pick<TransportOptions, 'url' | 'tls'>): HttpAgent {
  const options = { keepAlive: true, maxSockets: 1 };
  if (!url.startsWith('https:')) return new HttpAgent(options);
  const { ca, cert, key } = tls;
  return new HttpsAgent({
    ...options,
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  });
}

/**
 * @param version of this program, for the collector's log
 * @param timeoutMillis of one request, from its last byte on
 */
export function exporterConfig(
  { url, headers, compression }: Pick<TransportOptions, 'url' | 'headers' | 'compression'>,
  agent: HttpAgent,
  version: string,
  timeoutMillis: number,
) {
  return {
    url,
    headers: { ...headers },
    timeoutMillis,
    // Structurally the exporter's CompressionAlgorithm, an enum that this package does not export.
    compression: compression as never,
    httpAgentOptions: () => agent,
    userAgent: `sshd-otel/${version}`,
  };
}
