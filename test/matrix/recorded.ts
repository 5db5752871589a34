/** Recorded cells: a producer's stream with the facts that witnesses said, so that it can be compared anywhere. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Pipeline } from '../../agent/pipeline.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { Fact } from './facts.ts';
import type { Scenario } from './scenario.ts';

const FOLDER = join(import.meta.dirname, '..', 'streams', 'matrix');
const FACT = '# fact ';

/** What the host that recorded is replaced by: it is nobody's business. */
const HOST = {
  boot_id: '00000000-0000-4000-8000-000000000000',
  machine_id: '0'.repeat(32),
  host: Buffer.from('lab').toString('hex'),
};

/** Servers whose streams are kept: one of each family that there is. */
export const RECORDED_SERVERS = [
  { id: '9.2', family: 'A' },
  { id: '10.0', family: 'C' },
] as const;

/** Its stream in exact mode is kept, too, as `NAME-exact`: it tells more. */
export function recordsExact({ files, recordExact }: Scenario): boolean {
  return (files ?? recordExact) === true;
}

export interface Recorded {
  readonly name: string;
  readonly spans: readonly SpanRecord[];
  readonly facts: readonly Fact[];
}

/** Writes test/streams/matrix/NAME.ndjson.gz. `story` are lines for people. */
export function writeRecording(name: string, story: readonly string[], stream: Buffer, facts: readonly Fact[]): void {
  const lines = stream.toString('latin1').split('\n');
  const records = lines.map(withoutHost);
  const said = facts.map((fact) => `${FACT}${JSON.stringify(fact)}`);
  const text = [...story.map((line) => `# ${line}`), ...said, ...records].join('\n');
  writeFileSync(join(FOLDER, `${name}.ndjson.gz`), gzipSync(text, { level: 9 }));
}

function withoutHost(line: string): string {
  if (!line.startsWith('{"k":"hello"')) return line;
  let hello = line;
  for (const [key, value] of Object.entries(HOST)) {
    hello = hello.replace(new RegExp(`"${key}":"[^"]*"`), `"${key}":"${value}"`);
  }
  return hello;
}

/** Replays test/streams/matrix/NAME.ndjson.gz through the whole pipeline. No facts: it is none of the matrix. */
export function replayRecording(name: string): Recorded {
  const bytes = gunzipSync(readFileSync(join(FOLDER, `${name}.ndjson.gz`)));
  const head = bytes.toString('latin1').split('\n');
  const facts = head.flatMap((line) =>
    line.startsWith(FACT) ? [JSON.parse(Buffer.from(line.slice(FACT.length), 'latin1').toString('utf8')) as Fact] : [],
  );
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0.0.0' });
  const spans = [...pipeline.push(bytes), ...pipeline.end()];
  return { name, spans, facts };
}

/** Names of all recorded cells, sorted. */
export function recordingNames(): string[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.ndjson.gz'));
  return names.map((name) => name.slice(0, -'.ndjson.gz'.length)).sort();
}
