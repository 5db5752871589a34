import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitArgs, MAX_ARGV_BYTES } from '../../agent/span/limits.ts';
import { putProgram } from '../../agent/span/process-attributes.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { noRedaction, type Redactor } from '../../agent/span/redactor.ts';
import type { AttributeValue } from '../../agent/span/span-record.ts';
import { argvOf, programFacts } from '../helpers/session-events.ts';

const redactor = createRedactor();
/** The longest that the kernel takes (MAX_ARG_STRLEN). */
const LONGEST = 131_071;
const SECRET = 'hunter2hunter2';

function attributesOf(args: readonly string[], by: Redactor = redactor): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  const program = programFacts(1, 0, args.slice(0, 1), { argv: argvOf(...args) });
  putProgram(attributes, program, { redactor: by, maxArgvBytes: MAX_ARGV_BYTES }, {});
  return attributes;
}

const told = (attributes: Record<string, AttributeValue>) => attributes['process.command_args'] as readonly string[];
const sizeOf = (args: readonly string[]) => args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0);

const VECTORS: Readonly<Record<string, readonly string[]>> = {
  '2 MB in 16 arguments': [
    'printf',
    ...Array.from({ length: 16 }, (_unused, i) => `${i}`.repeat(LONGEST).slice(0, LONGEST)),
  ],
  '100,000 arguments': ['printf', ...Array.from({ length: 100_000 }, (_unused, i) => `argument ${i}`)],
  'one argument of 128 kB': ['printf', 'x y'.repeat(LONGEST).slice(0, LONGEST), 'last'],
};

for (const [name, args] of Object.entries(VECTORS)) {
  test(`${name}, in a loop, are told within the limit, counted right, and looked at no further than that takes`, () => {
    let seen = 0;
    const counting: Redactor = {
      ...redactor,
      argv: (some, options) => {
        seen += sizeOf(some);
        return redactor.argv(some, options);
      },
    };
    const runs = 20;
    for (let run = 0; run < runs; run++) {
      const attributes = attributesOf(args, counting);
      const own = told(attributes);
      assert.ok(sizeOf(own) <= MAX_ARGV_BYTES, `${sizeOf(own)} bytes`);
      assert.ok(sizeOf(own) > MAX_ARGV_BYTES * 0.9, `${sizeOf(own)} bytes`);
      assert.equal(attributes['process.args_count'], args.length);
      assert.equal(attributes['ssh.process.args_bytes'], sizeOf(args));
      assert.equal(attributes['ssh.process.args_truncated'], true);
    }
    assert.ok(seen <= runs * (2 * MAX_ARGV_BYTES + LONGEST + 1), `${seen} bytes`);
  });
}

test('what is left out is said at the end, with the number of arguments', () => {
  const args = VECTORS['100,000 arguments'] ?? [];
  const own = told(attributesOf(args));
  assert.deepEqual(own.slice(0, -1), args.slice(0, own.length - 1));
  assert.equal(own.at(-1), `…[${args.length - own.length + 1} arguments cut]…`);
  assert.deepEqual(limitArgs(['a', 'b'], 1_000, 3), { args: ['a', 'b', '…[3 arguments cut]…'], cut: true });
});

test('a vector of which all is shown, or nearly, is looked at whole', () => {
  const args = ['tool', '-p', SECRET, ...Array.from({ length: 1_200 }, () => 'x'.repeat(99)), '-u', 'bob'];
  assert.ok(sizeOf(args) > MAX_ARGV_BYTES && sizeOf(args) < 2 * MAX_ARGV_BYTES);
  const own = told(attributesOf(args));
  assert.deepEqual(own.slice(0, 3), ['tool', '-p', 'REDACTED']);
  assert.equal(own.at(-1), 'bob');
});

test('no secret leaks at the cut, wherever it falls', () => {
  const rest = Array.from({ length: 3_000 }, () => 'filler');
  const around = 2 * MAX_ARGV_BYTES;
  const kinds: Readonly<Record<string, (fill: string) => string[]>> = {
    'the value of an option': (fill) => ['tool', fill, '--password', SECRET],
    'a value that is attached': (fill) => ['mysql', fill, `-p${SECRET}`],
    'half of a pair': (fill) => ['curl', fill, '-u', `bob:${SECRET}`],
    'a variable': (fill) => ['env', fill, `DB_PASSWORD=${SECRET}`, 'psql'],
    'a URL': (fill) => ['wget', fill, `https://bob:${SECRET}@example.org/`],
    'a script, behind its filler': (fill) => ['sh', '-c', `: ${fill}; mysql -p${SECRET} shop`],
    'a script, before its filler': (fill) => ['sh', '-c', `echo root:${SECRET} ${fill} | chpasswd`],
  };
  for (const [kind, make] of Object.entries(kinds)) {
    for (let shift = -40; shift <= 40; shift += 4) {
      // Elements of a kernel are no longer than 128 kB; those of a stream may be.
      const args = [...make('x'.repeat(around - 30 + shift)), ...rest];
      const attributes = attributesOf(args);
      assert.ok(!JSON.stringify(attributes).includes('hunter2'), `${kind}, ${shift}`);
      assert.ok(told(attributes).at(-1)?.includes('arguments cut'), `${kind}, ${shift}`);
    }
  }
});

test('what only a later argument proves to be a secret is one where later arguments are left out', () => {
  const filler = Array.from({ length: 30_000 }, () => 'filler');
  const args = ['tool', '-p', SECRET, ...filler, '-u', 'bob'];
  assert.deepEqual(told(attributesOf(args)).slice(0, 3), ['tool', '-p', 'REDACTED']);
  assert.deepEqual(told(attributesOf(['tool', '-p', '8080', ...filler])).slice(0, 3), ['tool', '-p', '8080']);
  assert.equal(told(attributesOf(args, noRedaction))[2], SECRET);
});
