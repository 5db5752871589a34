import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { EXIT } from '../../agent/cli/exit-codes.ts';
import { StreamTee } from '../../agent/cli/stream-tee.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import { bytesOf, opening, records } from '../helpers/restart-story.ts';

const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-ends-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const BOUND = { timeout: 30_000 };
const agent = (...args: string[]) => ['agent', '--config', '/dev/null', '--state-dir', folder, ...args];

test('told to stop before it reads, it ends, though its stream goes on', BOUND, async () => {
  const input = new PassThrough();
  const { code } = await runCommandLine(agent(), { input, stop: AbortSignal.abort() });
  assert.equal(code, EXIT.ok);
});

test('whose only purpose is a recording ends when that cannot be continued', BOUND, async () => {
  const input = new PassThrough();
  const fd = openSync('/dev/full', 'w');
  const ended = runCommandLine(agent('--only-tee', '--tee-fd', String(fd), '--tee-form', 'raw'), { input });
  const more = setInterval(() => input.write(bytesOf(opening)), 20);
  const { code, stderr } = await ended;
  clearInterval(more);
  assert.equal(code, EXIT.rights);
  assert.match(stderr, /the recording ends here, after 0 bytes: ENOSPC/);
});

test('a disk that holds a recording up leaves nothing behind at each wait', BOUND, async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const path = join(folder, 'recording');
  const tee = new StreamTee(openSync(path, 'wx'), undefined, () => undefined);
  for (let i = 0; i < 30; i++) await tee.push(Buffer.alloc(100_000));
  await tee.end();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  assert.deepEqual(warnings, []);
  assert.equal(statSync(path).size, 3_000_000);
});

test('a stream that goes on in a newer format ends with a sentence; what was told before goes out', BOUND, async () => {
  const input = new PassThrough();
  const newer = { ...opening[0], v: 99 };
  input.write(bytesOf([...opening, { k: 'clock', ts: opening[0]?.ts, wall: '1795511990000000000' }, ...records]));
  const ended = runCommandLine(agent('--draw'), { input });
  while (input.readableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  input.end(bytesOf([newer]));
  const { code, stdout, stderr } = await ended;
  assert.equal(code, EXIT.input);
  assert.match(stderr, /format version 99/);
  assert.match(stdout, /ssh\.session/);
});
