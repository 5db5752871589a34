import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { openProcFacts, procRecord } from '../../agent/source/proc-facts.ts';
import { parseStat } from '../../agent/source/proc-stat.ts';

const text = (hex: unknown): string => Buffer.from(String(hex), 'hex').toString('latin1');

/** A line of /proc/PID/stat whose process goes by this name. */
const stat = (name: string) =>
  Buffer.from(`7 (${name}) S 1 7 9 0 -1 0${' 0'.repeat(12)} 4711 ${'0 '.repeat(25)}1000 1030 0 0 0\n`, 'latin1');

test('a name with parentheses, blanks and line ends moves no field', () => {
  for (const name of ['sh', 'a) S 2 3', '((', '\n1 (x) R', '\xff']) {
    const { comm, sid, startTicks, argStart, argEnd } = parseStat(stat(name)) ?? assert.fail(name);
    assert.equal(comm.toString('latin1'), name);
    assert.deepEqual([sid, startTicks, argStart, argEnd], [9, 4711, 1000n, 1030n]);
  }
  assert.equal(parseStat(Buffer.from('nothing of the kind')), undefined);
});

test('what a process may have written itself travels as hex, and of its environment six names only', async () => {
  const child = spawn('/bin/sleep', ['60'], {
    argv0: 'sl"\n{"k":"end"}',
    detached: true,
    env: { SSH_TTY: '/dev/"\n', SSH_AUTH_SOCK: 'secret', SECRET: 'SSH_TTY=x', TRACEPARENT: '00-1' },
  });
  try {
    await once(child, 'spawn');
    const record = procRecord(child.pid ?? 0) ?? assert.fail('it runs');
    assert.ok(!record.includes('\n'));
    const { k, pid, comm, argv, argv_len: length, env } = JSON.parse(record);
    assert.deepEqual([k, pid, text(comm)], ['proc', child.pid, 'sleep']);
    assert.equal(text(argv), 'sl"\n{"k":"end"}\0' + '60\0');
    assert.equal(length, text(argv).length);
    assert.deepEqual(env.map(text).sort(), ['SSH_TTY=/dev/"\n', 'TRACEPARENT=00-1']);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('who is gone, or never was, is left out; the file has one line for each that is there', () => {
  assert.equal(procRecord(4_194_304), undefined);
  const fd = openProcFacts([process.pid, 4_194_304]);
  const lines = readFileSync(`/proc/self/fd/${fd}`, 'utf8').trimEnd().split('\n');
  closeSync(fd);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).pid),
    [process.pid],
  );
  const decoder = new StreamDecoder();
  decoder.push(Buffer.from(`${lines[0]}\n`));
  assert.deepEqual([decoder.counters.records, decoder.errors], [1, []]);
});

test('facts of two programs are never mixed, even where their stacks lie at the same place', async () => {
  // It becomes itself again and again, by turns with other arguments and another environment, equally long.
  const script = 'if [ "$1" = a ]; then SSH_TTY=b exec sh "$0" b; else SSH_TTY=a exec sh "$0" a; fi';
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-facts-'));
  writeFileSync(join(folder, 'turn'), script);
  // Where a container may not fix the place of the stack, it is the easier case.
  const start = 'setarch -R true 2>/dev/null && exec setarch -R sh "$0" a; exec sh "$0" a';
  const env = { PATH: '/usr/bin:/bin', SSH_TTY: 'a' };
  const child = spawn('/bin/sh', ['-c', start, join(folder, 'turn')], { detached: true, env });
  try {
    await once(child, 'spawn');
    const seen = { a: 0, b: 0 };
    for (const until = performance.now() + 10_000; Math.min(seen.a, seen.b) < 500 && performance.now() < until; ) {
      const { argv, env = [] } = JSON.parse(procRecord(child.pid ?? 0) ?? '{"argv":""}');
      const turn = /turn\0([ab])\0$/.exec(text(argv))?.[1];
      if (turn !== 'a' && turn !== 'b') continue;
      seen[turn]++;
      // At the moment of an exec there may be no environment yet.
      for (const one of env.map(text)) assert.equal(one, `SSH_TTY=${turn}`);
    }
    assert.ok(seen.a > 0 && seen.b > 0, JSON.stringify(seen));
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true });
  }
});
