/** The demo as a person starts it. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ARGUMENT_SECRET, SCENES, WRONG_PASSWORDS } from '../../agent/lab/scenes.ts';
import { type Child, runChild, startChild } from '../../agent/source/child-process.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';
import { whyNotLive } from './tracing.ts';

const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

interface Demo {
  readonly child: Child;
  /** All output so far, standard error included. */
  output(): string;
  /** Resolves when the output holds it. */
  waitFor(text: string): Promise<void>;
}

function startDemo(env: Record<string, string> = {}): Demo {
  // Through a pipe of a shell, so that both outputs keep their order.
  const child = startChild({
    command: 'sh',
    args: ['-c', 'exec "$@" 2>&1', 'sh', process.execPath, MAIN, 'demo'],
    env: { PATH: process.env['PATH'] ?? '', COLUMNS: '160', ...env },
  });
  let text = '';
  let look = (): void => undefined;
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    look();
  });
  return {
    child,
    output: () => text,
    waitFor: (wanted) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (text.includes(wanted)) resolve();
        };
        look();
        void child.exited.then(() => reject(new Error(`the demo ended without ${wanted}: ${text}`)));
      }),
  };
}

/** A folder for temporary files of one demo. */
const temporary = () => mkdtempSync(join(tmpdir(), 'sshd-otel-demo-test-'));

/** Pids of what the demo has started: its descendants. */
async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await runChild({ command: 'ps', args: ['-e', '-o', 'pid=,ppid='] }, 10_000);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) for (const [child = 0, ppid] of pairs) if (ppid === parent) found.push(child);
  return found.slice(1);
}

async function whenGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    if (!existsSync(`/proc/${pid}`)) continue;
    await runChild({ command: 'tail', args: [`--pid=${pid}`, '-f', '/dev/null'] }, 20_000);
  }
  const left = pids.filter((pid) => existsSync(`/proc/${pid}`));
  assert.deepEqual(left, []);
}

describe('sshd-otel demo', { skip: whyNotLive('libbpf'), timeout: 240_000 }, () => {
  it('draws the trace of each connection below what is told of it, tells no secret, and leaves nothing', async () => {
    const folder = temporary();
    const demo = startDemo({ TMPDIR: folder });
    const exit = await demo.child.exited;
    const output = demo.output();
    assert.equal(exit.code, 0, output);
    const sections = output.split('\n▶ ').slice(1);
    assert.deepEqual(
      sections.map((section) => section.split('\n')[0]),
      SCENES.map((scene) => scene.story),
    );
    for (const section of sections)
      assert.equal(section.split('\n').filter((line) => line.startsWith('● ')).length, 1, section);
    for (const secret of [ARGUMENT_SECRET, ...WRONG_PASSWORDS]) assert.equal(output.includes(secret), false);
    assert.doesNotMatch(output, /warning|incomplete/);
    assert.deepEqual(readdirSync(folder), []);
    rmdirSync(folder);
  });

  it('also exports what it draws, and says how much was taken and where to look', async () => {
    const sink = await OtlpSink.start();
    try {
      const demo = startDemo({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
      assert.equal((await demo.child.exited).code, 0, demo.output());
      const roots = sink.kept.filter((span) => span.parentSpanId === undefined || span.parentSpanId === '');
      assert.equal(roots.length, SCENES.length);
      sink.check();
      const last = demo.output().trimEnd().split('\n').at(-1);
      assert.match(
        last ?? '',
        new RegExp(`${sink.kept.length} spans exported to .*Jaeger as service sshd, in Tempo by`),
      );
    } finally {
      await sink.close();
    }
  });

  for (const signal of ['SIGINT', 'SIGKILL'] as const)
    it(`is gone with all that it started after ${signal}`, async () => {
      const folder = temporary();
      const demo = startDemo({ TMPDIR: folder });
      await demo.waitFor(`▶ ${SCENES[1]?.story}`);
      const started = await descendants(demo.child.pid ?? 0);
      assert.ok(started.length >= 4, `it had started ${started}`);
      const exit = await demo.child.stop(signal);
      if (signal === 'SIGINT') assert.equal(exit.code, 0, demo.output());
      await whenGone(started);
      assert.deepEqual(readdirSync(folder), []);
      rmdirSync(folder);
    });
});
