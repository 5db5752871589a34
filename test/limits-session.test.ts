/** Sessions that no back end would take in one piece: what is told of them, and whether it is taken. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { runCommandLine } from './helpers/command-context.ts';
import { type LongSession, longSession } from './helpers/long-session.ts';
import { OtlpSink } from './helpers/otlp-sink.ts';

async function told(session: LongSession) {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-session-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const sink = await OtlpSink.start();
  try {
    const { stderr } = await runCommandLine(
      ['agent', '--state-dir', folder, '--config', '/dev/null', '--flush-seconds', '60'],
      {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint },
        input: Readable.from(longSession(session), { objectMode: false }),
      },
    );
    sink.check();
    // A busy machine may answer too late, and is sent the same again; `check` has seen that it is the same.
    const kept = [...new Map(sink.kept.map((span) => [`${span.traceId} ${span.spanId}`, span])).values()];
    const programs = kept.filter(({ attributes }) => attributes['process.executable.name'] === 'true');
    return { stderr, programs, traces: new Set(kept.map(({ traceId }) => traceId)).size };
  } finally {
    await sink.close();
  }
}

const FEW = ['true', '--of', 'many'];

test('a session of 100,000 commands is told whole, in traces that a back end takes', async () => {
  const { stderr, programs, traces } = await told({ count: 100_000, args: FEW });
  assert.equal(programs.length, 100_000, stderr);
  assert.ok(traces > 5, `${traces} traces`);
});

for (const perSecond of [10_000, 50_000])
  test(`at ${perSecond} commands a second none is left out, and no trace is too big`, async () => {
    const { stderr, programs, traces } = await told({ count: 12_000, args: FEW, perSecond });
    assert.equal(programs.length, 12_000, stderr);
    assert.ok(traces > 2, `${traces} traces`);
  });

test('2 MB of arguments, again and again: cut, marked, their true size told', async () => {
  const { stderr, programs } = await told({ count: 30, args: ['true', ...Array(2_000).fill('x'.repeat(999))] });
  assert.equal(programs.length, 30, stderr);
  for (const { attributes } of programs) {
    assert.equal(attributes['ssh.process.args_bytes'], 2_000_005);
    assert.equal(attributes['process.args_count'], 2_001);
    assert.equal(attributes['ssh.process.args_truncated'], true);
  }
});

test('one process that execs with long arguments over and over is told whole, in several traces', async () => {
  const args = ['true', 'x'.repeat(100_000)];
  const { stderr, programs, traces } = await told({ count: 150, args, oneProcess: true });
  assert.equal(programs.length, 150, stderr);
  assert.ok(traces > 2, `${traces} traces`);
});
