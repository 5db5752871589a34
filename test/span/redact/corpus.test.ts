import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';
import { splitShellText } from '../../../agent/span/redact/shell-words.ts';

interface Case {
  readonly line: string;
  readonly expected: string;
  readonly secrets: readonly string[];
}

interface Rates {
  readonly lines: number;
  readonly secrets: number;
  /** Secrets that are still readable. */
  readonly missed: number;
  /** Lines of which something was hidden that is no secret. */
  readonly falseAlarms: number;
  /** Lines that came out exactly as expected. */
  readonly exact: number;
}

/** The worst that is accepted; lower the numbers when the rules get better. */
const LIMITS = {
  tuned: { missed: 1, falseAlarms: 0 },
  frozen: { missed: 1, falseAlarms: 5 },
};

/** `SHOW_CASES=1` lists the lines of the tuned part that fail. */
const { SHOW_CASES } = process.env;

const redactor = createRedactor();

function readCases(name: string): Case[] {
  const text = readFileSync(new URL(`corpus/${name}.tsv`, import.meta.url), 'utf8');
  return text.split('\n').flatMap((row) => {
    const marked = row.slice(row.indexOf('\t') + 1).replaceAll('␊', '\n');
    if (marked === '') return [];
    const pieces = marked.split('⟦').map((piece, i) => (i === 0 ? ['', piece] : piece.split('⟧')));
    return [
      {
        line: pieces.map(([secret, rest]) => `${secret}${rest}`).join(''),
        expected: pieces.map(([secret, rest]) => `${secret === '' ? '' : 'REDACTED'}${rest}`).join(''),
        secrets: pieces.flatMap(([secret]) => (secret === '' || secret === undefined ? [] : [secret])),
      },
    ];
  });
}

/** Counts, by comparing with what was expected: what stands between two marks must be there, what was marked must not. */
function measure(cases: readonly Case[], show: (text: string) => void): Rates {
  let missed = 0;
  let falseAlarms = 0;
  let exact = 0;
  for (const { line, expected, secrets } of cases) {
    const { text } = redactor.text(line);
    if (text === expected) {
      exact++;
      continue;
    }
    const readable = secrets.filter((secret) => count(text, secret) > count(expected, secret)).length;
    missed += readable;
    if (readable === 0 || text.split('REDACTED').length - 1 > secrets.length - readable) falseAlarms++;
    show(`  expected ${expected}\n  got      ${text}`);
  }
  return {
    lines: cases.length,
    secrets: cases.reduce((sum, c) => sum + c.secrets.length, 0),
    missed,
    falseAlarms,
    exact,
  };
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

for (const name of ['tuned', 'frozen'] as const) {
  test(`the ${name} corpus is redacted no worse than before`, (t) => {
    const cases = readCases(name);
    const rates = measure(
      cases,
      name === 'tuned' && SHOW_CASES === '1' ? (text) => t.diagnostic(text) : () => undefined,
    );
    t.diagnostic(
      `${name}: ${rates.lines} lines, ${rates.exact} exact (${percent(rates.exact, rates.lines)}); ` +
        `${rates.missed} of ${rates.secrets} secrets missed (${percent(rates.missed, rates.secrets)}); ` +
        `false alarms in ${rates.falseAlarms} lines (${percent(rates.falseAlarms, rates.lines)})`,
    );
    assert.ok(rates.lines > 100);
    assert.ok(rates.missed <= LIMITS[name].missed, `${rates.missed} secrets missed`);
    assert.ok(rates.falseAlarms <= LIMITS[name].falseAlarms, `false alarms in ${rates.falseAlarms} lines`);
  });

  test(`argv and text agree on the ${name} corpus, and nothing is left to find the second time`, () => {
    for (const { line } of readCases(name)) {
      const once = redactor.text(line);
      assert.deepEqual(redactor.argv(['bash', '-c', line]).args[2], once.text);
      assert.deepEqual(redactor.text(once.text), { text: once.text, redacted: 0 });
    }
  });
}

/** The arguments that a shell would give to a program, if the line is one simple command and nothing is to be filled in. */
function simpleArgs(line: string): string[] | undefined {
  const { commands, documents } = splitShellText(line);
  const [command] = commands;
  if (commands.length !== 1 || documents.length > 0 || command === undefined || command.input.length > 0)
    return undefined;
  if (command.words.some((word) => word.filled !== undefined)) return undefined;
  return command.words.map((word) => word.value);
}

test('arguments as the kernel has them come out like the same arguments in a command line', (t) => {
  let compared = 0;
  for (const { line } of [...readCases('tuned'), ...readCases('frozen')]) {
    const args = simpleArgs(line);
    if (args === undefined) continue;
    compared++;
    assert.deepEqual(redactor.argv(args).args, simpleArgs(redactor.text(line).text), line);
  }
  t.diagnostic(`${compared} lines are one simple command`);
  assert.ok(compared > 300);
});
