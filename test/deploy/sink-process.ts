/**
 * The checking sink as a process of its own, for another network namespace. Tells its endpoint, then what comes, as NDJSON.
 * Arguments: host and port, by default a free one of loopback; a folder of certificates: it asks for the client's.
 */
import { readFileSync } from 'node:fs';
import { OtlpSink } from '../helpers/otlp-sink.ts';

const [host = '127.0.0.1', port = '0', folder] = process.argv.slice(2);
const pem = (name: string) => readFileSync(`${folder}/${name}`);
const tls =
  folder === undefined
    ? undefined
    : { cert: pem('server.pem'), key: pem('server.key'), ca: pem('ca.pem'), requestCert: true };
const sink = await OtlpSink.start(tls, { host, port: Number(port) });
let told = 0;
sink.answer = (request) => {
  const { authorization } = request.headers;
  for (const span of request.spans) tell({ span, authorization });
  return { kind: 'accept' };
};
tell({ endpoint: sink.endpoint });
process.stdin.resume().on('end', () => process.exit(0));

function tell(what: unknown): void {
  told++;
  process.stdout.write(`${JSON.stringify({ ...(what as object), told }, (_key, value: unknown) => plain(value))}\n`);
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
