/** Traces of the biggest sessions and of a flood of failed logins, by a real Collector with its default limits. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { runCommandLine } from '../../helpers/command-context.ts';
import { ConnectionTemplate, floodOf } from '../../helpers/flood.ts';
import { longSession } from '../../helpers/long-session.ts';
import type { SinkSpan } from '../../helpers/otlp-decode.ts';
import { Collector, whyNoCollector } from './otelcol.ts';

const SKIP =
  process.env['SSHD_OTEL_COLLECTOR'] === 'run'
    ? (whyNoCollector() ?? false)
    : 'only make verify-collector runs a Collector';

/** What a Collector takes of one request by gRPC, which it may be set to hand on by; by HTTP it takes 20 MiB. */
const GRPC_BYTES = 4 * 2 ** 20;

/** What came out of the Collector, all of which went in, each trace such as back ends take whole. */
async function through(t: TestContext, stream: Iterable<string>): Promise<readonly SinkSpan[]> {
  const collector = await Collector.start();
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-limits-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  t.after(() => collector.close());
  const { stderr, code } = await runCommandLine(
    ['agent', '--state-dir', folder, '--config', '/dev/null', '--flush-seconds', '60'],
    {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
      input: Readable.from(stream, { objectMode: false }),
    },
  );
  // No span was refused, dropped or left over.
  assert.equal(code, 0, stderr);
  collector.sink.check();
  const { accepted, refused, failed, sent } = await collector.spanCounts();
  assert.deepEqual([accepted, refused, failed], [collector.kept.length, 0, 0], stderr);
  assert.equal(sent, accepted);
  const traces = [...Map.groupBy(collector.kept, ({ traceId }) => traceId).values()];
  const bytes = traces.map((spans) => spans.reduce((sum, span) => sum + span.bytes, 0));
  const request = Math.max(...collector.sink.requests.map((each) => each.bytes));
  assert.ok(request < GRPC_BYTES, `a request of ${request} bytes`);
  t.diagnostic(
    `${accepted} spans accepted, ${refused} refused; ${traces.length} traces, the largest ${Math.max(...bytes)} bytes; ` +
      `the largest request ${request} bytes`,
  );
  return collector.kept;
}

const programsOf = (spans: readonly SinkSpan[]) =>
  spans.filter(({ attributes }) => attributes['process.executable.name'] === 'true');

describe('a real OpenTelemetry Collector takes whole', { skip: SKIP }, () => {
  for (const perSecond of [1_000, 10_000, 50_000])
    test(`a session of 100,000 commands, ${perSecond} a second`, async (t) => {
      const args = ['true', '--of', 'many'];
      const spans = await through(t, longSession({ count: 100_000, args, perSecond }));
      assert.equal(programsOf(spans).length, 100_000);
    });

  for (const oneProcess of [false, true])
    test(`a session that execs 2 MB of arguments 200 times, ${oneProcess ? 'in one process' : 'each its own process'}`, async (t) => {
      const args = ['true', ...Array(2_000).fill('x'.repeat(999))];
      const programs = programsOf(await through(t, longSession({ count: 200, args, oneProcess })));
      assert.equal(programs.length, 200);
      assert.ok(programs.every(({ attributes }) => attributes['ssh.process.args_bytes'] === 2_000_005));
    });

  test('10,000 failed logins in a minute, and the login among them', async (t) => {
    const failed = new ConnectionTemplate('8.4-invalid-user');
    const good = new ConnectionTemplate('8.4-keys');
    const flood = { count: 10_000, stepNs: 6_000_000n, addressOf: () => '192.0.2.7' };
    const neighbour = good
      .told(flood.count + 1, failed.firstNs - good.firstNs + 5_000n * flood.stepNs, '192.0.2.7')
      .replaceAll(good.listener, failed.listener);
    const stream = [failed.opening, ...floodOf(failed, { ...flood, neighbour })];
    const spans = await through(t, stream);
    const count = (name: string, attribute: string) =>
      spans
        .filter((span) => span.name === name)
        .reduce((sum, each) => sum + Number(each.attributes[attribute] ?? 0), 0);
    const told = spans.filter(
      ({ name, attributes }) => name === 'ssh.connection' && attributes['ssh.auth.result'] === 'rejected',
    );
    const summed = count('ssh.connection.summary', 'ssh.summary.connections');
    assert.equal(told.length + summed, 10_000);
    assert.ok(spans.filter(({ attributes }) => attributes['user.name'] === 'alice').length > 10);
    t.diagnostic(`${told.length} told one by one, ${summed} in summaries`);
  });
});
