import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { EXIT } from '../../agent/cli/exit-codes.ts';
import { startChild } from '../../agent/source/child-process.ts';
import { StreamMultiplier } from '../bench/stream-multiplier.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import { LogLines } from '../helpers/export-fixtures.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';
import { loadStream } from '../helpers/streams.ts';

const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('config check', () => {
  test('a right file is said to be right', async () => {
    const path = file('right.yaml', 'export:\n  endpoint: https://localhost:4318\n');
    const { code, stdout, stderr } = await runCommandLine(['config', 'check', path]);
    assert.deepEqual([code, stdout, stderr], [EXIT.ok, `${path} is right\n`, '']);
  });

  test('mistakes are named with file, line and path, those of files that it names too', async () => {
    const pem = file('not.pem', 'x');
    const path = file('wrong.yaml', `export:\n  certificate: ${pem}\n`);
    const first = await runCommandLine(['config', 'check', path]);
    assert.equal(first.code, EXIT.usage);
    assert.ok(
      first.stderr.includes(`sshd-otel: ${path}:2: export.certificate: cannot use ${pem}: it holds no PEM block`),
    );
    const second = await runCommandLine(['config', 'check', file('wrong2.yaml', 'flushSeconds: 0\nexprot: {}\n')]);
    assert.match(second.stderr, /wrong2\.yaml:1: flushSeconds: expected a whole number from 1 to 300\n/);
    assert.match(second.stderr, /wrong2\.yaml:2: exprot: no such key; did you mean export\?\n/);
  });

  test('what is missing or no action is said', async () => {
    const missing = await runCommandLine(['config', 'check', join(folder, 'none.yaml')]);
    assert.deepEqual(
      [missing.code, missing.stderr.split('\n')[0]],
      [EXIT.usage, `sshd-otel: ${join(folder, 'none.yaml')}: cannot be read (ENOENT)`],
    );
    assert.match((await runCommandLine(['config', 'chek'])).stderr, /did you mean check\?/);
  });

  test('--print-config tells what is in force without doing anything', async () => {
    const path = file('print.yaml', 'redaction: { mode: full }\n');
    const { code, stdout } = await runCommandLine(['run', '--config', path, '--print-config', '--flush-seconds=3']);
    assert.equal(code, EXIT.ok);
    assert.match(stdout, /redaction\.mode: +full +# .*print\.yaml:1\n/);
    assert.match(stdout, /flushSeconds: +3 +# --flush-seconds\n/);
  });
});

test('SIGHUP: a file with a mistake changes nothing; endpoint, headers and exclusions change; others wait for a restart', async () => {
  const [first, second] = [await OtlpSink.start(), await OtlpSink.start()];
  const headers = file('headers', 'x-key: one\n');
  const url = (sink: OtlpSink) => `export: { tracesEndpoint: "${sink.url}", headersFile: ${headers} }\n`;
  const path = file('reload.yaml', url(first));
  const logs = new LogLines();
  const argv = ['agent', '--config', path, '--state-dir', join(folder, 'state')];
  const main = new URL('../../agent/main.ts', import.meta.url).pathname;
  const child = startChild({
    command: process.execPath,
    args: [main, ...argv],
    env: {},
    stdin: 'pipe',
    stdout: 'ignore',
    onStderrLine: (line) => logs.log('info', line),
  });
  try {
    const stream = new StreamMultiplier(loadStream('9.2-debian-story'));
    child.stdin?.write(stream.opening);
    child.stdin?.write(stream.copy(0));
    child.stdin?.write(stream.copy(1));
    await first.spans(20);
    assert.equal(first.requests[0]?.headers['x-key'], 'one');

    writeFileSync(path, 'export: nonsense\n');
    process.kill(child.pid ?? 0, 'SIGHUP');
    await logs.line(/reload\.yaml:1: export: expected a section/);
    await logs.line(/the settings stay as they were/);

    writeFileSync(path, `${url(second)}exclude: { users: [zoe] }\nflushSeconds: 33\n`);
    writeFileSync(headers, 'x-key: two\n');
    process.kill(child.pid ?? 0, 'SIGHUP');
    await logs.line(/settings read again: exclude\.users, export\.tracesEndpoint changed/);
    await logs.line(/in force only after a restart: flushSeconds/);
    const before = first.kept.length;
    child.stdin?.write(stream.copy(2));
    child.stdin?.write(stream.copy(3));
    await second.spans(20);
    assert.equal(second.requests[0]?.headers['x-key'], 'two');
    assert.equal(first.kept.length, before);
  } finally {
    await child.stop();
    await Promise.all([first.close(), second.close()]);
  }
});
