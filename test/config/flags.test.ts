import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFlags } from '../../agent/config/flags.ts';
import { ConfigError, type OptionSpec } from '../../agent/config/option.ts';

const specs: readonly OptionSpec[] = [
  { name: 'draw', kind: 'flag', help: '' },
  { name: 'tee', kind: 'text', value: 'FILE', help: '' },
  { name: 'listener', kind: 'integer', value: 'PID', least: 1, most: 100, help: '' },
  { name: 'producer', kind: 'choice', choices: ['auto', 'libbpf', 'bpftrace'], fallback: 'auto', help: '' },
  { name: 'key-fd', kind: 'integer', internal: true, help: '' },
];
const file = [{ name: 'FILE', help: 'what to read' }];
const parse = (...argv: string[]) => parseFlags(argv, specs, []);

function problems(argv: string[], positionals: { name: string; help: string }[] = []): readonly string[] {
  try {
    parseFlags(argv, specs, positionals);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('flags', () => {
  test('reads each kind, with = or a blank', () => {
    const flags = parse('--draw', '--tee=a b', '--listener', '7', '--producer', 'libbpf');
    assert.equal(flags.flag('draw'), true);
    assert.equal(flags.text('tee'), 'a b');
    assert.equal(flags.integer('listener'), 7);
    assert.equal(flags.choice('producer', ['auto', 'libbpf']), 'libbpf');
  });

  test('what is not given is absent, or its fallback', () => {
    const flags = parse();
    assert.equal(flags.flag('draw'), false);
    assert.equal(flags.text('tee'), undefined);
    assert.equal(flags.integer('listener'), undefined);
    assert.equal(flags.text('producer'), 'auto');
  });

  test('takes - and everything behind -- as arguments', () => {
    assert.deepEqual(parseFlags(['-'], specs, file).positionals, ['-']);
    assert.deepEqual(parseFlags(['--', '--draw'], specs, file).positionals, ['--draw']);
  });

  test('names every mistake at once, with what was expected', () => {
    assert.deepEqual(
      problems(['--lisener', '--listener=0', '--producer', 'ebpf', '--draw=yes', '--tee', '--draw'], file),
      [
        '--lisener: no such option; did you mean --listener?',
        '--listener: expected a whole number from 1 to 100, got "0"',
        '--producer: expected auto, libbpf or bpftrace, got "ebpf"',
        '--draw: takes no value',
        '--tee: expected FILE, got the option --draw (write --tee=--draw if it is meant so)',
        'FILE: missing (what to read)',
      ],
    );
  });

  test('no number but a decimal one in range passes', () => {
    for (const text of ['1e1', '0x10', '7.0', '-1', '101', '', ' 7'])
      assert.equal(problems([`--listener=${text}`]).length, 1, JSON.stringify(text));
  });

  test('an option given twice, a value that is missing and an argument too many are mistakes', () => {
    assert.deepEqual(problems(['--draw', '--draw']), ['--draw: given twice']);
    assert.deepEqual(problems(['--tee']), ['--tee: expected FILE']);
    assert.deepEqual(problems(['a'], []), ['"a": one argument too many']);
  });

  test('never suggests an internal option', () => {
    assert.deepEqual(problems(['--key-fe']), ['--key-fe: no such option']);
  });

  test('asking for an option that the table lacks is an error of ours', () => {
    assert.throws(() => parse().text('colour'), /no option --colour/);
  });
});
