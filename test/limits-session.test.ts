/** Sessions that no back end would take in one piece: what is told of them, and whether it is taken. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { runCommandLine } from './helpers/command-context.ts';
import { OtlpSink } from './helpers/otlp-sink.ts';
import { loadStream } from './helpers/streams.ts';

/** A login that runs `sh -c …`: its leader's identity, and what a program below it looks like. */
const LEADER = '"pid":6649,"start":"4580232938602"';
const REST = '"conn":[6241,"4578166660765"],"role":"program"';
const IDS = '"uid":[59001,59001,59001]';
const FROM_NS = 4_580_245_788_081n;
const PER_SECOND = 1_000;
const WALL_NS = 1_795_520_390_522_380_615n - 4_581_180_251_780n;

const lines = Buffer.from(loadStream('8.4-keys'))
  .toString('latin1')
  .split('\n')
  .filter((line) => line.startsWith('{') && !line.startsWith('{"k":"seq"') && !line.startsWith('{"k":"end"'))
  .map((line) => line.replace(/"cpu":\d+,"seq":\d+,/, ''));
const leaves = lines.findIndex((line) => line.startsWith('{"k":"exit"') && line.includes(LEADER));

/** The login, with so many programs before its leader ends; `argvOf` gives hex. */
function* streamOf(count: number, argvOf: (number: number) => string, perSecond: number): Generator<string> {
  const stepNs = 1_000_000_000n / BigInt(perSecond);
  yield `${lines.slice(0, leaves).join('\n')}\n`;
  let piece = '';
  for (let i = 0; i < count; i++) {
    const ns = FROM_NS + BigInt(i) * stepNs;
    const self = `"pid":${100_000 + i},"start":"${ns + 100n}",${REST}`;
    const argv = argvOf(i);
    if (i % perSecond === 0) piece += `{"k":"clock","ts":"${ns}","wall":"${ns + WALL_NS}"}\n`;
    piece += `{"k":"fork","ts":"${ns + 200n}",${LEADER},${REST},"child":${100_000 + i},"child_start":"${ns + 100n}",${IDS},"sid":6649}\n`;
    piece += `{"k":"exec","ts":"${ns + 300n}",${self},"ppid":6649,${IDS},"gid":59001,"sid":6649,"exec":14,"old":${100_000 + i},"comm":"74727565","file":"2f62696e2f74727565","argv_len":${argv.length / 2},`;
    if (argv.length <= 8_000) piece += `"argv":"${argv}"}\n`;
    else {
      piece += `"argv":""}\n`;
      for (let at = 0; at < argv.length; at += 100_000) {
        const data = argv.slice(at, at + 100_000);
        piece += `{"k":"bytes","ts":"${ns + 300n}",${self},"of":"argv","off":${at / 2},"len":${data.length / 2},"total":${argv.length / 2},"data":"${data}"}\n`;
      }
    }
    piece += `{"k":"exit","ts":"${ns + (stepNs * 9n) / 10n}",${self},"code":0,"signal":0,"core":0,${IDS},"sid":6649}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = '';
  }
  const shiftNs = BigInt(count) * stepNs;
  const later = lines
    .slice(leaves)
    .map((line) => line.replace(/"ts":"(\d+)"/, (_all, ns: string) => `"ts":"${BigInt(ns) + shiftNs}"`))
    .map((line) => line.replace(/"wall":"(\d+)"/, (_all, ns: string) => `"wall":"${BigInt(ns) + shiftNs}"`));
  yield `${piece}${later.join('\n')}\n`;
}

async function told(count: number, argvOf: (number: number) => string, perSecond = PER_SECOND) {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-session-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const sink = await OtlpSink.start();
  try {
    const { stderr } = await runCommandLine(
      ['agent', '--state-dir', folder, '--config', '/dev/null', '--flush-seconds', '60'],
      {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint },
        input: Readable.from(streamOf(count, argvOf, perSecond), { objectMode: false }),
      },
    );
    sink.check();
    const programs = sink.kept.filter(({ attributes }) => attributes['process.executable.name'] === 'true');
    return { stderr, programs, traces: new Set(sink.kept.map(({ traceId }) => traceId)).size };
  } finally {
    await sink.close();
  }
}

test('a session of 100,000 commands is told whole, in traces that a back end takes', async () => {
  const argv = Buffer.from('true\0--of\0many\0').toString('hex');
  const { stderr, programs, traces } = await told(100_000, () => argv);
  assert.equal(programs.length, 100_000, stderr);
  assert.ok(traces > 5, `${traces} traces`);
});

for (const perSecond of [10_000, 50_000])
  test(`at ${perSecond} commands a second none is left out, and no trace is too big`, async () => {
    const argv = Buffer.from('true\0--of\0many\0').toString('hex');
    const { stderr, programs, traces } = await told(20_000, () => argv, perSecond);
    assert.equal(programs.length, 20_000, stderr);
    assert.ok(traces > 2, `${traces} traces`);
  });

test('2 MB of arguments, again and again: cut, marked, their true size told', async () => {
  const argv = Buffer.from(`true\0${`${'x'.repeat(999)}\0`.repeat(2_000)}`).toString('hex');
  const { stderr, programs } = await told(30, () => argv);
  assert.equal(programs.length, 30, stderr);
  for (const { attributes } of programs) {
    assert.equal(attributes['ssh.process.args_bytes'], 2_000_005);
    assert.equal(attributes['process.args_count'], 2_001);
    assert.equal(attributes['ssh.process.args_truncated'], true);
  }
});
