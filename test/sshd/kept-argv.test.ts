/** Programs that live long with long arguments cost the agent a stated amount, and those that end give it back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CutBytes } from '../../agent/decode/kernel-event.ts';
import { keepArgv, MAX_KEPT_BYTES, releaseArgv } from '../../agent/sshd/kept-argv.ts';
import { decodeAll, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

const MIB = 1024 * 1024;

function vector(...args: readonly string[]): CutBytes {
  const bytes = new TextEncoder().encode(args.map((arg) => `${arg}\0`).join(''));
  return { bytes, length: bytes.length };
}

test('beyond its part a connection keeps whole elements of the beginning, and the true length', () => {
  const account = { keptArgvBytes: 0 };
  const long = vector('sleep', 'x'.repeat(2 * MIB - 7));
  assert.equal(long.length, 2 * MIB);
  for (let i = 0; i < MAX_KEPT_BYTES / long.length; i++) assert.equal(keepArgv(account, long), long);
  const secret = vector('curl', '-H', `Authorization: ${'x'.repeat(1_000)}`, 'http://host/');
  assert.deepEqual(keepArgv(account, secret), { bytes: vector('curl', '-H').bytes, length: secret.length });
  assert.deepEqual(keepArgv(account, vector('x'.repeat(1_000))), { bytes: new Uint8Array(), length: 1_001 });
  const short = vector('sleep', '1');
  assert.equal(keepArgv(account, short), short);
  assert.equal(keepArgv(account, undefined), undefined);

  // What is cut holds nothing of the long one's memory, and gives nothing back that it did not take.
  assert.ok((keepArgv(account, secret)?.bytes.buffer.byteLength ?? MIB) <= 512);
  releaseArgv(account, keepArgv(account, secret));
  assert.notEqual(keepArgv(account, long), long);
  releaseArgv(account, long);
  assert.equal(keepArgv(account, long), long);
});

test('programs that end give back what they held: one after the other is told whole', () => {
  const argv = vector('x', 'y'.repeat(3 * MIB));
  const events = decodeAll(loadStream('10.0-debian-story')).map((event) =>
    event.kind === 'exec' && event.argv !== undefined ? { ...event, argv } : event,
  );
  const connections = tell(events).connections.map(({ activities }) =>
    activities.flatMap((one) => (one.kind === 'program' && one.program.argv !== undefined ? [one.program.argv] : [])),
  );
  for (const { bytes, length } of connections.flat()) {
    assert.equal(length, argv.length);
    assert.ok(bytes === argv.bytes || bytes.length <= 512);
  }
  const whole = connections.map((programs) => programs.filter(({ bytes }) => bytes === argv.bytes).length);
  assert.ok(Math.max(...whole) * argv.length > 2 * MAX_KEPT_BYTES, `${whole} whole`);
});
