import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EXIT } from '../../agent/cli/exit-codes.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import { loadStream } from '../helpers/streams.ts';

const folder = mkdtempSync(join(tmpdir(), 'replay-'));
after(() => rmSync(folder, { recursive: true }));
const story = loadStream('9.2-debian-story');

function saved(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('replay', () => {
  test('a recording that goes on in a newer format ends with a sentence; what was told before is drawn', async () => {
    const comments = `# ${'x'.repeat(1_000)}\n`.repeat(1_000);
    const newer = '{"k":"hello","ts":"1","v":99,"producer":"p","version":"1"}\n';
    const path = saved('newer', Buffer.concat([story, Buffer.from(comments + newer)]));
    const { code, stdout, stderr } = await runCommandLine(['replay', path]);
    assert.equal(code, EXIT.input);
    assert.match(stderr, /format version 99/);
    assert.ok((stdout.match(/^●/gm)?.length ?? 0) > 10);
  });

  test('draws the traces of a file, of a packed file and of standard input alike', async () => {
    const plain = await runCommandLine(['replay', saved('plain', story)]);
    assert.equal(plain.code, EXIT.ok);
    assert.equal(plain.stderr, '');
    assert.equal(plain.stdout.match(/^●/gm)?.length, 16);
    assert.deepEqual(await runCommandLine(['replay', saved('packed', gzipSync(story))]), plain);
    assert.deepEqual(await runCommandLine(['replay', '-'], { stdin: story }), plain);
  });

  test('shows ids that depend on the key and on nothing else', async () => {
    const path = saved('ids', story);
    const ids = async (...more: string[]) =>
      (await runCommandLine(['replay', '--ids', ...more, path])).stdout.match(/\btrace [0-9a-f]{32}$/gm);
    const zero = await ids();
    assert.equal(zero?.length, 16);
    assert.deepEqual(await ids(), zero);
    const other = await ids('--key', 'ab'.repeat(32));
    assert.equal(new Set([...(zero ?? []), ...(other ?? [])]).size, 32);
    assert.deepEqual(await ids('--key', saved('key', Buffer.alloc(32, 0xab))), other);
  });

  test('colours only a terminal, and none at all with NO_COLOR', async () => {
    const path = saved('colour', story);
    const drawn = async (world: Parameters<typeof runCommandLine>[1]) =>
      (await runCommandLine(['replay', path], world)).stdout;
    const escapeSequence = '\u001b[';
    assert.ok((await drawn({ columns: 120 })).includes(escapeSequence));
    assert.ok(!(await drawn({})).includes(escapeSequence));
    assert.ok(!(await drawn({ columns: 120, env: { NO_COLOR: '1' } })).includes(escapeSequence));
    assert.ok(!(await drawn({ columns: 120, env: { TERM: 'dumb' } })).includes(escapeSequence));
  });

  test('keeps to the width of the terminal', async () => {
    const { stdout } = await runCommandLine(['replay', saved('width', story)], { columns: 70, env: { NO_COLOR: '1' } });
    for (const line of stdout.split('\n')) assert.ok([...line].length <= 70, line);
  });

  test('draws what it has of a stream that was cut, and says that it was', async () => {
    const lines = story.subarray(0, story.length / 2);
    const { code, stdout, stderr } = await runCommandLine(['replay', saved('half', lines)]);
    assert.equal(code, EXIT.ok);
    assert.ok((stdout.match(/^●/gm)?.length ?? 0) > 3);
    assert.match(stderr, /the stream was cut: it has no end record/);
  });

  test('counts garbage and never repeats it', async () => {
    const { code, stdout, stderr } = await runCommandLine(['replay', '-'], {
      stdin: Buffer.concat([Buffer.from('secret-garbage\n{"k":"forged\n'), story]),
    });
    assert.equal(code, EXIT.ok);
    assert.equal(stdout.match(/^●/gm)?.length, 16);
    assert.match(stderr, /lines that are no records: 1 not-a-record, 1 not-json/);
    assert.ok(!stderr.includes('secret-garbage') && !stdout.includes('secret-garbage'));
  });

  test('a newer format is refused with both versions', async () => {
    const { code, stderr } = await runCommandLine(['replay', '-'], {
      stdin: Buffer.from('{"k":"hello","v":2,"ts":"1","producer":"libbpf","version":"9"}\n'),
    });
    assert.equal(code, EXIT.input);
    assert.match(stderr, /version 2.*version 1/);
  });

  test('what is no stream, missing or a folder is one sentence', async () => {
    for (const [path, expected] of [
      [saved('other', 'hello world\n'), /holds no event stream/],
      [join(folder, 'missing'), /missing does not exist/],
      [folder, /is a folder/],
    ] as const) {
      const { code, stdout, stderr } = await runCommandLine(['replay', path]);
      assert.equal(code, EXIT.input, path);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });

  test('mistakes in the environment are all named before anything is read', async () => {
    const { code, stderr } = await runCommandLine(['replay', join(folder, 'missing')], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318', OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' },
    });
    assert.equal(code, EXIT.usage);
    assert.match(stderr, /OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL/);
    assert.match(stderr, /OTEL_EXPORTER_OTLP_TIMEOUT: expected a whole number/);
  });

  test('a key that is none is refused', async () => {
    const path = saved('any', story);
    assert.equal((await runCommandLine(['replay', '--key', 'abc', path])).code, EXIT.usage);
    assert.equal((await runCommandLine(['replay', '--key', saved('short', 'abc'), path])).code, EXIT.usage);
  });

  test('spans that no collector takes are said, with their own exit status', async () => {
    const { code, stdout, stderr } = await runCommandLine(['replay', '--flush-seconds', '1', saved('export', story)], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' },
    });
    assert.equal(code, EXIT.collector);
    assert.equal(stdout, '');
    assert.match(stderr, /0 spans exported/);
  });
});
