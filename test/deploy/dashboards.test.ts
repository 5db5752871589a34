/** The dashboards as typed literals, by the types that Grafana publishes of its own. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../deploy/package/bundle.ts';
import { compilerFaults } from './compiler-faults.ts';

const FOLDER = join(ROOT, 'deploy/examples/grafana/dashboards');
// Words of JSON are no members of an enum.
const HEAD = [
  "import type { Dashboard, Panel } from '@grafana/schema';",
  "import type { SearchTableType, TempoQuery, TempoQueryType } from '@grafana/schema/dist/types/raw/composable/tempo/dataquery/x/TempoDataQuery_types.gen.d.ts';",
  'type Table = `$'.concat('{SearchTableType}`;'),
  "type Query = Omit<TempoQuery, 'tableType'> & { queryType: TempoQueryType; tableType?: Table };",
  "type Checked = Omit<Dashboard, 'panels'> & { panels: (Omit<Panel, 'targets'> & { targets: Query[] })[] };",
];

const texts = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => readFileSync(join(FOLDER, name), 'utf8'));

const faultsOf = (dashboards: readonly string[]) =>
  compilerFaults([...HEAD, ...dashboards.map((text, i) => `export const dashboard${i}: Checked = ${text};`)]);

test("every dashboard, panel and query has the fields and types of Grafana's schema", async () => {
  assert.ok(texts.length >= 4);
  assert.equal(await faultsOf(texts), '');
});

test('a wrong field of any of them would be found', async () => {
  const [text = ''] = texts;
  for (const [right, wrong] of [
    ['"refresh": "30s"', '"refrehs": "30s"'],
    ['"gridPos"', '"gridPosition"'],
    ['"queryType": "traceql"', '"queryType": "tracql"'],
    ['"tableType": "spans"', '"tableType": "span"'],
    ['"limit": 50', '"limit": "50"'],
  ] as const) {
    assert.ok(text.includes(right), right);
    assert.match(await faultsOf([text.replace(right, wrong)]), /error TS/, wrong);
  }
});
