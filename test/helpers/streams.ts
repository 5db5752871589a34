import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const FOLDER = join(import.meta.dirname, '..', 'streams');
const SUFFIX = '.ndjson.gz';

/** Names of the recorded streams in test/streams, sorted. */
export function streamNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();
}

/** Bytes of one recorded stream, as a producer wrote them. */
export function loadStream(name: string): Uint8Array {
  return gunzipSync(readFileSync(join(FOLDER, `${name}${SUFFIX}`)));
}
