import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { warningTexts } from '../tools/warning-texts.ts';

const PAGE = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

describe('docs/runbook.md', () => {
  test('has each warning whose text is in the source', () => {
    const texts = warningTexts();
    assert.ok(texts.length >= 35, `${texts.length} found`);
    const missing = texts.filter(({ part }) => !PAGE.includes(part));
    assert.deepEqual(missing, []);
  });

  test('says of each what it means and what to do', () => {
    const rows = PAGE.split('\n').filter((line) => line.startsWith('| `'));
    assert.ok(rows.length >= 35);
    for (const row of rows) {
      const cells = row.split(' | ').map((cell) => cell.replace(/^\||\|$/g, '').trim());
      assert.equal(cells.length, 3, row);
      for (const cell of cells) assert.notEqual(cell, '', row);
    }
  });
});
