/** A real Collector that asks for a client certificate. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TlsFiles } from '../../../agent/export/options.ts';
import { SpanExport } from '../../../agent/export/span-export.ts';
import { LogLines, RESOURCE, testOptions, traceOf } from '../../helpers/export-fixtures.ts';
import { makeCertificates } from '../certificates.ts';
import { Collector, whyNoCollector } from './otelcol.ts';

const SKIP =
  process.env['SSHD_OTEL_COLLECTOR'] === 'run'
    ? (whyNoCollector() ?? false)
    : 'only make verify-collector runs a Collector';
test('a Collector that asks for a certificate takes spans with one, and none without', { skip: SKIP }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-certificates-'));
  t.after(() => rmSync(folder, { recursive: true }));
  await makeCertificates(folder);
  const path = (name: string) => join(folder, name);
  const collector = await Collector.start({
    tls: { cert_file: path('server.pem'), key_file: path('server.key'), client_ca_file: path('ca.pem') },
  });
  t.after(() => collector.close());
  const send = async (tls: TlsFiles) => {
    const exporter = new SpanExport({ ...testOptions(collector.url), tls }, new LogLines().log);
    exporter.accept(traceOf(1, 10), RESOURCE);
    const { counters } = await exporter.shutdown(2_000);
    return counters;
  };
  const ca = readFileSync(path('ca.pem'));
  assert.equal((await send({ ca })).exported, 0);
  assert.equal(collector.kept.length, 0);
  const own = { cert: readFileSync(path('client.pem')), key: readFileSync(path('client.key')) };
  assert.equal((await send({ ca, ...own })).exported, 10);
  assert.equal(collector.kept.length, 10);
});
