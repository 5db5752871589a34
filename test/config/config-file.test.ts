import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigFile } from '../../agent/config/config-file.ts';

function problemsOf(...lines: string[]): readonly string[] {
  return parseConfigFile(lines.join('\n'), 'f.yaml').problems;
}

test('an empty file, comments and empty sections say nothing', () => {
  for (const text of ['', '# nothing\n', 'export:\n  # endpoint: x\nredaction:\n', '---\n']) {
    const { values, problems } = parseConfigFile(text, 'f.yaml');
    assert.deepEqual([values.size, problems], [0, []], text);
  }
});

test('values come with the line where they stand', () => {
  const { values, problems } = parseConfigFile(
    'stateDir: /var/lib/x\nexport:\n  endpoint: http://localhost:4318\n  queue: { maxSpans: 1000 }\n',
    'f.yaml',
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.fromEntries(values), {
    stateDir: { value: '/var/lib/x', line: 1 },
    'export.endpoint': { value: 'http://localhost:4318', line: 3 },
    'export.queue.maxSpans': { value: 1000, line: 4 },
  });
});

test('every bad field is named at once, with line, path and what was expected', () => {
  assert.deepEqual(
    problemsOf(
      'export:',
      '  endpoint: localhost:4318',
      '  timeoutMs: "10"',
      '  headers:',
      '    x-ok: fine',
      '    "bad name": x',
      '  queue:',
      '    maxSpans: 3',
      'exclude:',
      '  sources:',
      '    - 192.0.2.0/24',
      '    - 192.0.2.0/33',
      '  users: root',
      'redaction:',
      '  perUser:',
      '    ada: everything',
    ),
    [
      'f.yaml:2: export.endpoint: expected a URL that begins with http:// or https://',
      'f.yaml:3: export.timeoutMs: expected a whole number from 1 to 600000',
      'f.yaml:6: export.headers.bad name: expected (in export.headers) header names with their values',
      'f.yaml:8: export.queue.maxSpans: expected a whole number from 512 to 10000000',
      'f.yaml:12: exclude.sources.1: expected (in exclude.sources) a list of addresses or networks, for instance 192.0.2.0/24',
      'f.yaml:13: exclude.users: expected a list of login users',
      'f.yaml:16: redaction.perUser.ada: expected redacted, names-only or full',
    ],
  );
});

test('an unknown key is an error with a suggestion: mistyped, in the wrong section, or what may stand there', () => {
  assert.deepEqual(
    problemsOf(
      'exprot: {}',
      'export:',
      '  endpiont: http://x',
      '  mode: full',
      'exclude:',
      '  zzzzzzzzzz: 1',
      'redaction:',
      '  programs:',
      '    - names: frob',
      '      secrets: -k',
    ),
    [
      'f.yaml:1: exprot: no such key; did you mean export?',
      'f.yaml:3: export.endpiont: no such key; did you mean endpoint?',
      'f.yaml:4: export.mode: no such key; did you mean redaction.mode?',
      'f.yaml:6: exclude.zzzzzzzzzz: no such key; here may be users, sources, programs',
      'f.yaml:10: redaction.programs.0.secrets: no such key; did you mean secret?',
    ],
  );
});

test('values are not repeated in messages: they may be secret', () => {
  const text = problemsOf('export:', '  headers: { authorization: [hunter2] }', '  clientKey: hunter2').join('\n');
  assert.match(text, /authorization/);
  assert.doesNotMatch(text, /hunter2/);
});

test('what is no YAML, names a thing twice or has the wrong shape is told with its line', () => {
  assert.match(problemsOf('export:', '  endpoint: [').join(), /^f\.yaml:\d+: no valid YAML: /);
  assert.match(problemsOf('stateDir: /a', 'stateDir: /b').join(), /^f\.yaml:2: no valid YAML: Map keys must be unique/);
  assert.match(problemsOf('stateDir: !evil /a').join(), /^f\.yaml:1: no valid YAML: Unresolved tag/);
  assert.deepEqual(problemsOf('- a'), ['f.yaml:1: file: expected a section']);
  assert.deepEqual(problemsOf('just a text'), ['f.yaml:1: file: expected a section']);
  assert.deepEqual(problemsOf('export: http://x'), ['f.yaml:1: export: expected a section']);
  assert.deepEqual(problemsOf('stateDir:'), [
    'f.yaml:1: stateDir: expected the absolute path of a folder, got nothing',
  ]);
  assert.match(problemsOf(`# ${'x'.repeat(1024 * 1024)}`).join(), /longer than/);
});

test('aliases cannot blow a small file up', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefghij'].map((line, i, all) =>
    i === 0
      ? line
      : `${line}: &${line} [${Array(9)
          .fill(`*${all[i - 1]?.[0]}`)
          .join(', ')}]`,
  );
  const started = performance.now();
  assert.ok(problemsOf(...bomb, 'exclude:', '  users: *j').length > 0);
  assert.ok(performance.now() - started < 2000);
});
