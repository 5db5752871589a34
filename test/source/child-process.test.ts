import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Child, runChild, startChild } from '../../agent/source/child-process.ts';

const producer = (name: string): string => join(import.meta.dirname, '..', 'producers', name);
const node = process.execPath;

async function text(child: Child): Promise<string> {
  let all = '';
  for await (const chunk of child.stdout ?? []) all += Buffer.from(chunk as Uint8Array).toString('utf8');
  return all;
}

describe('child process', () => {
  test('gives its output whole, however it was split', async () => {
    const child = startChild({ command: node, args: [producer('splits-lines.mjs')] });
    assert.equal(await text(child), '{"k":"hello"}\n{"k":"clock"}\n');
    assert.deepEqual(await child.exited, { code: 0, started: true, reason: 'exited with status 0' });
  });

  test('tells exit status and stderr, and each line of it as it comes', async () => {
    const lines: string[] = [];
    const child = startChild({
      command: node,
      args: [producer('exits-1.mjs'), '7'],
      onStderrLine: (line) => lines.push(line),
    });
    const exit = await child.exited;
    assert.equal(exit.code, 7);
    assert.equal(exit.reason, 'exited with status 7');
    assert.equal(child.stderrTail(), 'cannot attach:\nno rights\n');
    assert.deepEqual(lines, ['cannot attach:', 'no rights']);
  });

  test('kills a child that ignores SIGTERM', async () => {
    const child = startChild({ command: node, args: [producer('ignores-sigterm.mjs')] });
    await once(child.stdout ?? assert.fail('no stdout'), 'data');
    const exit = await child.stop('SIGTERM', 100);
    assert.equal(exit.signal, 'SIGKILL');
    assert.throws(() => process.kill(child.pid ?? assert.fail('no pid'), 0), { code: 'ESRCH' });
  });

  test('stops a child twice, and one that is gone already', async () => {
    const child = startChild({ command: node, args: [producer('stalls.mjs')] });
    await once(child.stdout ?? assert.fail('no stdout'), 'data');
    const [first, second] = await Promise.all([child.stop(), child.stop()]);
    assert.equal(first.signal, 'SIGTERM');
    assert.deepEqual(second, first);
    assert.deepEqual(await child.stop(), first);
  });

  test('holds a flooding child back while nobody reads, and keeps no more of its stderr than 4 kB', async () => {
    const counts: number[] = [];
    const counted = Promise.withResolvers<void>();
    const child = startChild({
      command: node,
      args: [producer('floods.mjs')],
      onStderrLine: (line) => {
        if (!line.startsWith('taken ')) return;
        counts.push(Number(line.slice(6)));
        if (counts.length < 3) setTimeout(() => process.kill(child.pid ?? 0, 'SIGUSR2'), 100);
        else counted.resolve();
      },
    });
    await once(child.stdout ?? assert.fail('no stdout'), 'readable');
    process.kill(child.pid ?? assert.fail('no pid'), 'SIGUSR2');
    await counted.promise;
    assert.ok(Math.max(...counts) < 2_000_000, `took ${counts.join(', ')} bytes that nobody read`);
    assert.ok(child.stderrTail().length <= 4096);
    await child.stop('SIGKILL');
  });

  test('a program that does not exist is an exit with a reason, not a throw', async () => {
    const child = startChild({ command: 'no-such-program-here', args: [] });
    assert.equal(child.pid, undefined);
    const exit = await child.exited;
    assert.equal(exit.started, false);
    assert.equal(exit.reason, 'could not be started: no-such-program-here not found');
    assert.deepEqual(await child.stop(), exit);
  });

  test('never uses a shell: every argument arrives as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'child-'));
    const args = [`$(touch ${folder}/made)`, `; touch ${folder}/made`, '*', '', 'a b', '\n', '`id`'];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const output = await runChild({ command: node, args: ['-e', script, '--', ...args] }, 10_000);
    assert.deepEqual(JSON.parse(output.stdout), args);
    assert.equal(existsSync(join(folder, 'made')), false);
    rmSync(folder, { recursive: true });
  });

  test('an environment that is given replaces ours', async () => {
    const output = await runChild({ command: '/usr/bin/env', args: [], env: { ONLY: 'this' } }, 10_000);
    assert.equal(output.stdout, 'ONLY=this\n');
  });

  test('passes open descriptors on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'child-'));
    const file = join(folder, 'out');
    const fd = openSync(file, 'w');
    const child = startChild({
      command: node,
      args: ['-e', 'require("node:fs").writeSync(3, "through 3")'],
      extra: [fd],
    });
    closeSync(fd);
    assert.equal((await child.exited).code, 0);
    assert.equal(readFileSync(file, 'utf8'), 'through 3');
    rmSync(folder, { recursive: true });
  });

  test('joins one child to another without touching the bytes', async () => {
    const reader = startChild({ command: '/bin/cat', args: [], stdin: 'pipe' });
    const writer = startChild({
      command: node,
      args: [producer('splits-lines.mjs')],
      stdout: reader.stdin ?? assert.fail('no stdin'),
    });
    await writer.exited;
    reader.stdin?.end();
    assert.equal(await text(reader), '{"k":"hello"}\n{"k":"clock"}\n');
  });

  test('a short program that hangs is killed at its time limit', async () => {
    const output = await runChild({ command: node, args: [producer('ignores-sigterm.mjs')] }, 300);
    assert.equal(output.signal, 'SIGKILL');
  });
});
