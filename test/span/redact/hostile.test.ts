import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';

const redactor = createRedactor();

/** Length of each hostile text. Were anything here quadratic, one would take a minute: 10¹⁰ steps. */
const SIZE = 150_000;

/** What a test may take; linear ones take well under a second each. A limit against hanging, not a measure. */
const timeout = 30_000;

/** Texts of which each makes one part of the machinery start over and over again. */
const PATTERNS: readonly (readonly [string, string])[] = [
  ['single quotes', "'"],
  ['double quotes', '"'],
  ['mixed quotes', `"'`],
  ['backslashes', '\\'],
  ['open substitutions', '$('],
  ['open substitutions in quotes', '"$('],
  ['backquotes', '`'],
  ['open braces', '${a'],
  ['parentheses', '('],
  ['groups with readers', '(echo a:b)|chpasswd;('],
  ['nested groups with readers', '(echo x'],
  ['here-documents', 'a <<b\n'],
  ['here-documents that never end', 'a <<b '],
  ['pipes', 'echo x|passwd|'],
  ['one line after another', 'passwd <<< a\n'],
  ['commands', 'mysql -pabc;'],
  ['commands that run commands', 'sudo env nice '],
  ['shells in shells', "sh -c '"],
  ['shells with escaped quotes', 'sh -c "\\"'],
  ['options', 'curl -u a:b '],
  ['a cluster of options', 'curl -sSsS'],
  ['unknown secret options', 'x --token a '],
  ['URLs', 'a://b:c'],
  ['URLs with an address', 'a://b:c@'],
  ['slashed passwords', 'http://a:b/'],
  ['pairs', 'token=a&'],
  ['pairs without an end', 'token='],
  ['pairs of blanks', 'token = '],
  ['JSON', '{"token": "a\\"'],
  ['headers', 'Authorization: '],
  ['phrases', "identified by '"],
  ['netrc', 'login a password '],
  ['web tokens', 'eyJaaaa-'],
  ['web tokens with dots', 'eyJaaaa.eyJaaaa '],
  ['prefixes of tokens', 'sk-'],
  ['prefixes of other tokens', 'glpat-a '],
  ['key ids', 'AKIAIOSFODNN7EXAMPLE '],
  ['private keys', '-----BEGIN PRIVATE KEY-----'],
  ['starts of private keys', '-----BEGIN '],
  ['the word itself', 'REDACTED'],
  ['names in capitals and small letters', 'aB'],
  ['comments', '#'],
  ['redirections', '<<<'],
  ['process substitutions', '<('],
];

function fill(pattern: string, size: number): string {
  return pattern.repeat(Math.ceil(size / pattern.length)).slice(0, size);
}

for (const [name, pattern] of PATTERNS) {
  test(`a flood of ${name} as text`, { timeout }, () => {
    const input = fill(pattern, SIZE);
    const { text } = redactor.text(input);
    assert.ok(text.length <= input.length * 9);
  });

  test(`a flood of ${name} within a shell's argument, between quotes`, { timeout }, () => {
    const input = ['bash', '-c', `mysql "${fill(pattern, SIZE)}`];
    assert.equal(redactor.argv(input).args.length, 3);
  });
}

test('a megabyte in one argument', { timeout }, () => {
  for (const pattern of ["'", '"$(', 'curl -u a:b ', 'a://b:c@', 'token=a&', "sh -c '"]) {
    assert.equal(redactor.argv(['bash', '-c', fill(pattern, 1_000_000)]).args.length, 3);
  }
});

test('a hundred thousand arguments', { timeout }, () => {
  for (const args of [
    ['-pabc'],
    ['sudo', 'mysql', '-pabc'],
    ['-u', 'a:b', 'https://u:p@h/'],
    ['--token', 'x'],
    ['a b'],
  ]) {
    const input = ['curl', ...Array.from({ length: 100_000 }, (_, i) => args[i % args.length] ?? '')];
    assert.equal(redactor.argv(input).args.length, input.length);
  }
});

test('quotes within quotes within quotes are followed to a depth and then hidden', { timeout }, () => {
  let text = 'mysql -pdeepsecret';
  for (let depth = 0; depth < 14; depth++) text = `sh -c "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  assert.ok(!redactor.text(text).text.includes('deepsecret'));
});
