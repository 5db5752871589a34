import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { replaceSecrets } from '../../../agent/span/redact/edits.ts';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';

const redactor = createRedactor();

/** Pieces that the rules look for, so that random text gets somewhere. */
const PIECES = [
  'mysql',
  ' -p',
  '-pabc',
  'curl',
  ' -u ',
  'a:b',
  ' sh -c ',
  'sudo ',
  'env ',
  '"',
  "'",
  '\\',
  '$(',
  ')',
  '`',
  '${',
  '}',
  ' | ',
  'chpasswd',
  'echo ',
  '; ',
  '\n',
  '<<EOF\n',
  'EOF\n',
  '<<< ',
  '://',
  'https://',
  'u:p@h',
  '@',
  ':',
  '=',
  'PASSWORD=',
  '--token ',
  'token',
  'Authorization: Bearer ',
  '{"password": "',
  '"}',
  'REDACTED',
  'eyJhbGciOi.eyJzdWIi.abc',
  'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
  '-----BEGIN RSA PRIVATE KEY-----',
  '-----END',
  'AKIAIOSFODNN7EXAMPLE',
  ' ',
  '\0',
  'é',
  '\ud800',
  '😀',
  '#',
  '&',
  '(',
  'x',
  "IDENTIFIED BY '",
  'vault login ',
  "$'",
  '--',
  'docker login -p ',
];

const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })), { maxLength: 40, size: 'max' })
  .map((pieces) => pieces.join(''));

/** Whether `output` is `input` with stretches replaced by the word or taken away. */
function isEdited(input: string, output: string): boolean {
  const pieces = output.split('REDACTED');
  let at = 0;
  for (const piece of pieces) {
    for (const character of piece.split('')) {
      at = input.indexOf(character, at) + 1;
      if (at === 0) return false;
    }
  }
  return true;
}

test('any text: never throws, stays bounded, keeps what it keeps in order, finds nothing the second time', () => {
  fc.assert(
    fc.property(hostile, (input) => {
      const once = redactor.text(input);
      assert.ok(once.text.length <= input.length + once.redacted * 8);
      assert.ok(once.redacted <= input.length);
      assert.ok(isEdited(input, once.text), once.text);
      if (once.redacted === 0) assert.equal(once.text, input);
      assert.deepEqual(redactor.text(once.text), { text: once.text, redacted: 0 });
    }),
    { numRuns: 3000 },
  );
});

test('any argv: as many arguments as before, nothing found the second time', () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 8 }), (input) => {
      const once = redactor.argv(input);
      assert.equal(once.args.length, input.length);
      for (let i = 0; i < input.length; i++) assert.ok(isEdited(input[i] ?? '', once.args[i] ?? ''));
      if (once.redacted === 0) assert.deepEqual(once.args, input);
      assert.deepEqual(redactor.argv(once.args), { args: once.args, redacted: 0 });
    }),
    { numRuns: 2000 },
  );
});

test('a password in any quotes is gone, and the line around it is untouched', () => {
  const password = fc.stringMatching(/^[a-z0-9!@%^*_+,./? -]{6,20}$/).filter((p) => !p.includes('REDACTED'));
  const before = fc.constantFrom('', 'cd /srv && ', 'sudo -u db ', 'A=1 ', 'timeout 9 ', 'ssh h ');
  fc.assert(
    fc.property(password, before, fc.constantFrom("'", '"'), (secret, start, quote) => {
      const line = (value: string): string => `${start}mysql -u root -p${quote}${value}${quote} shop`;
      assert.equal(redactor.text(line(secret)).text, line('REDACTED'));
    }),
  );
});

test('replacing: overlapping and touching secrets become one word', () => {
  const run = (start: number, end: number): { start: number; end: number }[] => [{ start, end }];
  assert.deepEqual(replaceSecrets('0123456789', [run(2, 4), run(3, 6), run(6, 7)]), {
    text: '01REDACTED789',
    count: 1,
  });
  assert.deepEqual(replaceSecrets('aREDACTEDb', [run(1, 9)]), { text: 'aREDACTEDb', count: 0 });
});
