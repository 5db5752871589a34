import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const AGENT = join(ROOT, 'agent');

/** The rooms of the house and their floors: a room uses only rooms on lower floors. */
const FLOORS: Readonly<Record<string, number>> = {
  'main.ts': 8,
  cli: 7,
  doctor: 6,
  lab: 6,
  'pipeline.ts': 5,
  'redacted-recording.ts': 5,
  export: 5,
  view: 5,
  supervise: 5,
  metrics: 4.5,
  span: 4,
  sshd: 3,
  process: 2,
  decode: 1,
  source: 1,
  config: 1,
};
const MAX_FILE_BYTES = 12 * 1024;
/** The only file that may start processes. */
const STARTS_PROCESSES = 'agent/source/child-process.ts';

function typescriptFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** What a file imports, types too. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const statements = /^(?:import|export) (?:[^;'`]*? from )?'([^']+)';|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? '');
}

function roomOf(file: string): string {
  return relative(AGENT, file).split('/')[0] ?? '';
}

describe('architecture', () => {
  const files = typescriptFiles(AGENT);

  test('every room has a floor', () => {
    assert.ok(files.length > 50);
    for (const file of files)
      assert.notEqual(FLOORS[roomOf(file)], undefined, `${relative(ROOT, file)} lies in no known room`);
  });

  test('no room uses one above it or beside it', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => roomOf(join(dirname(file), name)))
        .filter((room) => room !== roomOf(file) && (FLOORS[room] ?? 0) >= (FLOORS[roomOf(file)] ?? 0))
        .map((room) => `${relative(ROOT, file)} uses ${room}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('the core knows no platform', () => {
    for (const file of files.filter((each) =>
      ['decode', 'process', 'sshd', 'span', 'metrics'].includes(roomOf(each)),
    )) {
      const allowed = relative(AGENT, file) === 'span/span-ids.ts' ? ['node:crypto'] : [];
      const outside = importsOf(file).filter((name) => !name.startsWith('.') && !allowed.includes(name));
      assert.deepEqual(outside, [], relative(ROOT, file));
    }
  });

  test('one file starts processes, one room knows the SDK', () => {
    for (const file of files) {
      const name = relative(ROOT, file);
      const imports = importsOf(file);
      if (name !== STARTS_PROCESSES)
        assert.ok(!imports.includes('execa') && !imports.includes('node:child_process'), `${name} starts processes`);
      if (roomOf(file) !== 'export')
        assert.ok(!imports.some((each) => each.startsWith('@opentelemetry/')), `${name} knows the SDK`);
    }
  });

  const tooLong = (paths: readonly string[]): string[] =>
    paths.filter((file) => statSync(file).size > MAX_FILE_BYTES).map((file) => relative(ROOT, file));

  test('no file of the agent is too long to be read in one sitting', () => {
    assert.deepEqual(tooLong(files), []);
  });

  test('no file of the tests is either', () => {
    assert.deepEqual(tooLong(typescriptFiles(join(ROOT, 'test'))), []);
  });
});
