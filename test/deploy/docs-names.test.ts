import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SETTING_NAMES } from '../../agent/config/settings.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
const PAGES = ['compatibility.md', 'metrics.md', 'runbook.md', 'sampling.md'];
const text = (name: string): string => readFileSync(join(DOCS, name), 'utf8');

test('links of the operators’ pages lead to files that exist', () => {
  for (const page of PAGES)
    for (const [, target = ''] of text(page).matchAll(/\]\(([^)#]+)[^)]*\)/g))
      assert.ok(existsSync(join(DOCS, target)), `${page} links to ${target}`);
});

test('settings and attributes that they name exist', () => {
  const attributes = text('attributes.md') + text('metrics.md');
  for (const page of PAGES) {
    for (const [, name = ''] of text(page).matchAll(
      /`((?:metrics|export|limits|sampling|exclude|redaction)\.[A-Za-z.]+)`/g,
    ))
      assert.ok(
        SETTING_NAMES.some((each) => each === name || each.startsWith(`${name}.`)),
        `${page}: ${name}`,
      );
    for (const [, name = ''] of text(page).matchAll(/`((?:ssh|user|client|process)\.[a-z_.]+)`/g))
      assert.ok(attributes.includes(`\`${name}\``), `${page}: ${name}`);
  }
  assert.ok(readdirSync(DOCS).length > PAGES.length);
});
