import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ATTR, HELPER_NAMES, LINK, RESOURCE, SPAN_NAMES } from '../../agent/span/attributes.ts';
import type { AttributeValue } from '../../agent/span/span-record.ts';
import { PHASES } from '../../agent/sshd/phases.ts';
import { intruderStory, loginStory } from '../helpers/login-story.ts';
import { applyAll, builder } from '../helpers/spans.ts';

const PAGE = readFileSync(new URL('../../docs/attributes.md', import.meta.url), 'utf8');
/** Attribute rows: name, type. */
const ROWS = [...PAGE.matchAll(/^\| `([a-z][a-z0-9_.]+)` *\| (string\[\]|string|int|double|boolean) +\|/gm)];
const TYPES = new Map(ROWS.map(([, name = '', type = '']) => [name, type]));

test('the page lists exactly the attributes of the code', () => {
  const names = [...Object.values(ATTR), ...Object.values(LINK), ...Object.values(RESOURCE)];
  assert.deepEqual([...TYPES.keys()].sort(), [...new Set<string>(names)].sort());
});

test('no two constants share a name', () => {
  const names = [...Object.values(ATTR), ...Object.values(LINK), ...Object.values(RESOURCE)];
  assert.equal(new Set(names).size, names.length);
});

test('the page names every span of the code', () => {
  const names = [
    ...Object.values(SPAN_NAMES),
    ...Object.values(HELPER_NAMES),
    ...Object.values(PHASES).map((phase) => phase.name),
  ];
  for (const name of names) assert.ok(PAGE.includes(`\`${name}\``), `${name} is not on the page`);
});

test('the spans of whole stories have no other attributes, and of the types that the page tells', () => {
  const made = builder();
  const spans = applyAll(made, [...loginStory(), ...intruderStory()]);
  const seen = new Set<string>();
  for (const attributes of [...spans.map((span) => span.attributes), made.resource?.attributes ?? {}]) {
    for (const [name, value] of Object.entries(attributes)) {
      seen.add(name);
      const type = TYPES.get(name);
      assert.equal(typeOf(value, type), type, name);
    }
  }
  assert.ok(seen.size > 50, `only ${seen.size} attributes seen`);
});

/** A whole number is a double too where the page says so. */
function typeOf(value: AttributeValue, expected: string | undefined): string {
  if (typeof value === 'number') return expected === 'double' || !Number.isSafeInteger(value) ? 'double' : 'int';
  return typeof value === 'object' ? 'string[]' : typeof value;
}
