import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SpanExport } from '../../agent/export/span-export.ts';
import { openSpool } from '../../agent/export/spool.ts';
import { assertBalanced, LogLines, RESOURCE, singleSpans, testOptions } from '../helpers/export-fixtures.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';

const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'sshd-otel-spool-faults-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('killed (-9) in the middle of writing, ten times: every batch that was said to be on disk is, whole and in order', async () => {
  const folder = join(root, 'killed');
  const program = new URL('spool-writer.ts', import.meta.url).pathname;
  let next = 0;
  for (let round = 0; round < 10; round++) {
    const child = spawn(process.execPath, [program, folder, String(next)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('latin1');
    const closed = once(child, 'close');
    child.stdout.on('data', (chunk: string) => {
      text += chunk;
      // At another place in each round, in batches of this life.
      if (text.split('\n').length > 5 + round * 7) child.kill('SIGKILL');
    });
    await closed;
    assert.equal(child.signalCode, 'SIGKILL');
    const said = Number(text.split('\n').at(-2));
    const opened = openSpool({ folder, maxBytes: 64 * MIB, maxAgeMs: 3_600_000 }, () => {}, Date.now);
    assert.ok(opened !== undefined);
    const records = opened.waiting.map(({ ref }) => opened.spool.read(ref).record);
    const whole = Math.floor(records.length / 20);
    assert.ok(whole >= said + 1, `${records.length} spans found, batch ${said} was said`);
    assert.deepEqual(records.slice(0, whole * 20), singleSpans(whole * 20));
    // A batch that it was writing may be there in part; the next life writes it again, from the start.
    for (const { ref } of opened.waiting.slice(whole * 20)) opened.spool.settle(ref);
    opened.spool.close();
    next = whole;
  }
});

test('a full disk is said once, spans go on in memory, and when there is space again it is used again', async (t) => {
  const folder = join(root, 'full');
  try {
    execFileSync('mkdir', ['-p', folder]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    t.skip('a tmpfs cannot be mounted here (needs root)');
    return;
  }
  const sink = await OtlpSink.start();
  try {
    await sink.refuse();
    const logs = new LogLines();
    let exporter = new SpanExport(
      testOptions(sink.url, { spool: { folder: join(folder, 'spool'), maxBytes: 64 * MIB, maxAgeMs: 3_600_000 } }),
      logs.log,
    );
    for (let i = 0; i < 2000; i += 20) exporter.accept(singleSpans(20, 1, i), RESOURCE, 1);
    const full = exporter.counters;
    assertBalanced(full);
    assert.ok(full.onDisk > 100 && full.onDisk < 2000, String(full.onDisk));
    assert.equal(full.queued + full.inFlight, 2000);
    assert.equal(logs.lines.filter((line) => /spans cannot be kept in .*ENOSPC.*in memory only/.test(line)).length, 1);

    await sink.listen();
    await sink.spans(2000);
    assert.equal(new Set(sink.kept.map(({ traceId }) => traceId)).size, 2000);
    // Delivered: the segments are given up, so there is space.
    const { counters, complete } = await exporter.shutdown(5_000);
    assertBalanced(counters);
    assert.deepEqual([complete, counters.exported, counters.kept], [true, 2000, 0]);
    assert.deepEqual(readdirSync(join(folder, 'spool')), []);

    // Filled by somebody else: not even the first segment can be written, and later all is well.
    const filler = join(folder, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(MIB));
    } catch {
      // As full as it gets.
    }
    await sink.refuse();
    let nowMs = Date.now();
    const { spool } = openSpool(
      { folder: join(folder, 'other'), maxBytes: 64 * MIB, maxAgeMs: 3_600_000 },
      logs.log,
      () => nowMs,
    ) ?? { spool: undefined };
    if (spool !== undefined) {
      assert.equal(spool.append(singleSpans(20), RESOURCE, 0), undefined);
      unlinkSync(filler);
      assert.equal(spool.append(singleSpans(20), RESOURCE, 0), undefined, 'it tries again only after a while');
      nowMs += 11_000;
      assert.equal(spool.append(singleSpans(20), RESOURCE, 0)?.length, 20);
      await logs.line(/spans are kept in .* again/);
      spool.close();
    }
    exporter = new SpanExport(testOptions(sink.url), logs.log);
    await exporter.shutdown(0);
  } finally {
    await sink.close();
    execFileSync('umount', ['-l', folder]);
  }
});

test('a spool that cannot be made is said, and everything works in memory', async () => {
  const folder = join(root, 'file');
  writeFileSync(folder, '');
  const sink = await OtlpSink.start();
  const logs = new LogLines();
  const spool = { folder: join(folder, 'spool'), maxBytes: MIB, maxAgeMs: 1 };
  const exporter = new SpanExport(testOptions(sink.url, { spool }), logs.log);
  exporter.accept(singleSpans(10), RESOURCE, 3);
  await sink.spans(10);
  const { counters, complete } = await exporter.shutdown(1_000);
  assert.deepEqual([complete, counters.exported], [true, 10]);
  assert.match(logs.lines.join(), /spans cannot be kept in .*ENOTDIR.*they wait in memory only/);
  await sink.close();
});

test('what an agent could not deliver the next one delivers, once, as it was; late spans are none', async () => {
  const spool = { folder: join(root, 'next'), maxBytes: 16 * MIB, maxAgeMs: 3_600_000 };
  const sink = await OtlpSink.start();
  const logs = new LogLines();
  await sink.refuse();
  const first = new SpanExport(testOptions(sink.url, { spool }), logs.log);
  const spans = singleSpans(300);
  first.accept(spans.slice(0, 150), RESOURCE);
  first.accept(spans.slice(150), RESOURCE);
  const ended = await first.shutdown(50);
  assertBalanced(ended.counters);
  assert.deepEqual([ended.complete, ended.counters.kept, ended.counters.late], [true, 300, 0]);
  assert.match(logs.lines.at(-1) ?? '', /300 spans stay in .* for the next start/);

  await sink.listen();
  const second = new SpanExport(testOptions(sink.url, { spool }), logs.log);
  await sink.spans(300);
  const { counters, complete } = await second.shutdown(5_000);
  assertBalanced(counters);
  assert.deepEqual([complete, counters.recovered, counters.exported, counters.received], [true, 300, 300, 0]);
  assert.deepEqual(
    sink.kept.map(({ traceId }) => traceId),
    spans.map(({ traceId }) => traceId),
  );
  assert.deepEqual(readdirSync(spool.folder), []);
  await sink.close();
});
