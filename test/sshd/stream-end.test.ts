/** A stream that ends while connections are open: what would have come is not known, and nothing is concluded from it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeAll, ofKind, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

const STORY = decodeAll(loadStream('9.2-debian-story'));
const FILES = decodeAll(
  gunzipSync(readFileSync(join(import.meta.dirname, '..', 'streams', 'matrix', '9.2-sftp_int-exact.ndjson.gz'))),
);

test('whoever is still trying when the stream ends was not rejected: he may be in a moment later', () => {
  const got = new Set(
    tell(STORY)
      .connections.filter(({ facts }) => facts.authenticated)
      .map(({ facts }) => `${facts.id.pid}`),
  );
  let trying = 0;
  for (let end = 0; end < STORY.length; end += 5) {
    for (const { facts } of tell(STORY.slice(0, end)).connections) {
      if (!got.has(`${facts.id.pid}`) || facts.authenticated) continue;
      if (facts.attempts > 0) trying++;
      assert.ok(facts.authUnknown, `${end}: ${facts.id.pid}`);
      assert.equal(facts.disconnectReason, undefined);
    }
  }
  assert.ok(trying > 5, String(trying));
});

test('a file that is open when the stream ends is marked so, and not as if its close had been lost', () => {
  const at = FILES.findIndex((event) => event.kind === 'file' && event.op === 'open' && event.ret === 0);
  const [told] = tell(FILES.slice(0, at + 1)).connections;
  assert.ok(told !== undefined && at > 0);
  const [file] = ofKind(told, 'file');
  assert.deepEqual([file?.endUnknown, file?.incomplete, file?.unclosed], [true, ['stream_ended'], false]);
});
