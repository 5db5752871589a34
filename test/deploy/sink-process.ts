/**
 * The checking sink as a process of its own, for another network namespace. Tells its endpoint, then what comes, as NDJSON.
 * Arguments: host and port, by default a free one of loopback.
 */
import { OtlpSink } from '../helpers/otlp-sink.ts';

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const sink = await OtlpSink.start(undefined, { host, port: Number(port) });
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
