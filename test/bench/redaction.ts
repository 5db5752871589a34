/**
 * What a program with a huge argument vector costs the agent, from the bytes of the vector to the attributes of its span:
 *
 *     node test/bench/redaction.ts
 *
 * Each kind of vector in a loop; the slowest kind is told last. `all` is what it costs to redact every argument.
 */
import { MAX_ARGV_BYTES } from '../../agent/span/limits.ts';
import { putProgram } from '../../agent/span/process-attributes.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { argvOf, programFacts } from '../helpers/session-events.ts';

const TWO_MB = 2_000_000;
/** The longest that the kernel takes (MAX_ARG_STRLEN). */
const ELEMENT = 131_071;
const RUNS = 5;

const KINDS: Readonly<Record<string, string>> = {
  'plain words': 'lorem ipsum dolor sit amet ',
  'one letter': 'x',
  'a shell script': 'echo hello world; ls -l /tmp && true | cat; ',
  'JSON with secrets': '{"token": "a\\"',
  'here-documents': 'a <<b\n',
  'pairs with secrets': 'password=x ',
  'URLs with secrets': 'http://a:b@c/ ',
  'commands with secrets': 'mysql -pabc;',
  'shells in shells': "sh -c '",
};

const redactor = createRedactor();

function vectors(pattern: string): Readonly<Record<string, readonly string[]>> {
  const long = pattern.repeat(Math.ceil(ELEMENT / pattern.length)).slice(0, ELEMENT);
  return {
    'one of 128 kB': ['sh', '-c', long],
    '2 MB in 128 kB each': ['printf', ...Array.from({ length: Math.floor(TWO_MB / ELEMENT) }, () => long)],
    '100,000': ['printf', ...Array.from({ length: 100_000 }, (_unused, i) => `${pattern.slice(0, 14)}${i}`)],
  };
}

function milliseconds(what: () => void): number {
  const begin = performance.now();
  for (let run = 0; run < RUNS; run++) what();
  return (performance.now() - begin) / RUNS;
}

const rows = Object.entries(KINDS).flatMap(([kind, pattern]) =>
  Object.entries(vectors(pattern)).map(([shape, args]) => {
    const argv = argvOf(...args);
    const program = programFacts(1, 0, args, { argv });
    const options = { redactor, maxArgvBytes: MAX_ARGV_BYTES };
    const told = milliseconds(() => void putProgram({}, program, options, {}));
    const all = milliseconds(() => void redactor.argv(args));
    return { name: `${kind}, ${shape}`, told, all };
  }),
);
for (const { name, told, all } of rows.toSorted((a, b) => a.told - b.told))
  process.stdout.write(`${name}: ${told.toFixed(1)} ms; all ${all.toFixed(1)} ms\n`);
