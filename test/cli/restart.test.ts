import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Child, startChild } from '../../agent/source/child-process.ts';
import { LogLines } from '../helpers/export-fixtures.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';
import { bytesOf, opening, openingAt, records } from '../helpers/restart-story.ts';

const MAIN = new URL('../../agent/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-restart-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function agent(name: string, sink: OtlpSink, logs: LogLines): Child {
  return startChild({
    command: process.execPath,
    args: [MAIN, 'agent', '--config', '/dev/null', '--state-dir', join(folder, name)],
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: sink.url },
    stdin: 'pipe',
    stdout: 'ignore',
    onStderrLine: (line) => logs.log('info', line),
  });
}

/** Right after the first program that ran once somebody was in (his keys were handed over: type 26). */
const loggedIn = records.findIndex(({ k, type }) => k === 'mon' && type === 26);
const cut = records.findIndex(({ k, role }, i) => i > loggedIn && k === 'exec' && role === 'program') + 1;

async function story(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<{ sink: OtlpSink; logs: LogLines }> {
  const sink = await OtlpSink.start();
  const logs = new LogLines();
  const first = agent(name, sink, logs);
  first.stdin?.on('error', () => undefined);
  first.stdin?.write(bytesOf([...opening, { k: 'clock', ts: opening[0]?.ts, wall: '1795511990000000000' }]));
  first.stdin?.write(bytesOf(records.slice(0, cut)));
  await logs.line(/waiting for connections/);
  await first.stop(signal, 20_000);
  const second = agent(name, sink, logs);
  second.stdin?.write(bytesOf([...openingAt(cut), ...records.slice(cut)]));
  second.stdin?.end();
  await second.exited;
  await sink.close();
  return { sink, logs };
}

test('stopped with SIGTERM while somebody works, the next agent goes on: one trace, one root, no id twice', async () => {
  const { sink, logs } = await story('planned', 'SIGTERM');
  assert.match(logs.lines.join('\n'), /1 connections are open: the next start goes on with them/);
  assert.equal(statSync(join(folder, 'planned', 'run.state')).mode & 0o777, 0o600);
  const ids = sink.kept.map(({ traceId, spanId }) => `${traceId}:${spanId}`);
  assert.equal(new Set(ids).size, ids.length);
  const marked = sink.kept.filter(
    (span) => span.parentSpanId === undefined && span.attributes['ssh.trace.incomplete'] === true,
  );
  assert.equal(marked.length, 1);
  const [root] = marked;
  const trace = sink.kept.filter(({ traceId }) => traceId === root?.traceId);
  assert.ok(trace.some(({ name }) => name === 'ssh.session') && trace.some(({ name }) => name === 'ssh.auth'));
  assert.equal(root?.attributes['ssh.segment'], undefined);
  const known = new Set(trace.map(({ spanId }) => spanId));
  for (const span of trace)
    assert.ok(span === root || known.has(span.parentSpanId ?? ''), `${span.name} hangs on nothing`);
});

test('killed while somebody works, the next agent tells the rest in a trace of its own, linked and marked; no id twice', async () => {
  const { sink } = await story('killed', 'SIGKILL');
  const ids = sink.kept.map(({ traceId, spanId }) => `${traceId}:${spanId}`);
  assert.equal(new Set(ids).size, ids.length);
  const own = sink.kept.filter(
    (span) => span.parentSpanId === undefined && Number(span.attributes['ssh.segment'] ?? 0) > 0,
  );
  assert.ok(own.length > 0);
  for (const root of own) {
    assert.equal(root.links[0]?.traceId, root.attributes['ssh.connection.id']);
    assert.equal(root.attributes['ssh.trace.incomplete'], true);
  }
});
