/** Sinks that a file's tests start, a test at a time. */
import { afterEach } from 'node:test';
import { OtlpSink } from './otlp-sink.ts';

const sinks: OtlpSink[] = [];
afterEach(() => Promise.all(sinks.splice(0).map((sink) => sink.close())));

/** A sink that is closed when the test is over. */
export async function startSink(): Promise<OtlpSink> {
  const sink = await OtlpSink.start();
  sinks.push(sink);
  return sink;
}
