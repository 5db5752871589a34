import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Command, CommandContext } from '../../agent/cli/command.ts';
import { CommandFailure } from '../../agent/cli/command.ts';
import { COMMANDS } from '../../agent/cli/commands.ts';
import { dispatch } from '../../agent/cli/dispatch.ts';
import { EXIT, EXIT_MEANINGS } from '../../agent/cli/exit-codes.ts';
import { exitTable } from '../../agent/cli/help.ts';
import { runCommandLine } from '../helpers/command-context.ts';

async function runWith(run: Command['run'], env: Record<string, string> = {}): Promise<{ code: number; said: string }> {
  let said = '';
  const context = { stderr: { write: (text: string) => (said += text) }, env } as unknown as CommandContext;
  const command: Command = { name: 'x', summary: '', description: '', positionals: [], options: [], examples: [], run };
  return { code: await dispatch(['x'], [command], context), said };
}

describe('command line', () => {
  test('--help lists every command and every exit status', async () => {
    const { code, stdout, stderr } = await runCommandLine(['--help']);
    assert.equal(code, EXIT.ok);
    assert.equal(stderr, '');
    for (const { name, internal } of COMMANDS) assert.equal(stdout.includes(`\n  ${name}`), internal !== true, name);
    for (const meaning of Object.values(EXIT_MEANINGS)) assert.ok(stdout.includes(meaning.slice(0, 40)), meaning);
  });

  test('every command has its own help with examples, and names all its options but the internal ones', async () => {
    for (const { name, options, examples } of COMMANDS) {
      const { code, stdout } = await runCommandLine([name, '--help']);
      assert.equal(code, EXIT.ok);
      assert.ok(examples.length > 0, name);
      for (const [line] of examples) assert.ok(stdout.includes(line), `${name}: ${line}`);
      for (const option of options)
        assert.equal(stdout.includes(`--${option.name}`), option.internal !== true, option.name);
      for (const line of stdout.split('\n'))
        assert.ok(line.length <= 100 || examples.some(([each]) => line.includes(each)), line);
    }
  });

  test('--version tells the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.equal((await runCommandLine(['--version'])).stdout, `sshd-otel ${version}\n`);
  });

  test('nothing at all is answered with the help, as a mistake', async () => {
    const { code, stdout } = await runCommandLine([]);
    assert.equal(code, EXIT.usage);
    assert.match(stdout, /^sshd-otel: traces of SSH servers/);
  });

  test('a mistyped command is guessed', async () => {
    const { code, stderr } = await runCommandLine(['recrod']);
    assert.equal(code, EXIT.usage);
    assert.match(stderr, /^sshd-otel: no such command: recrod; did you mean record\?\n/);
  });

  test('escape sequences in what was typed do not reach the terminal', async () => {
    const { stderr } = await runCommandLine(['\u001b[2J\u202e']);
    assert.ok(!stderr.includes('\u001b') && !stderr.includes('\u202e'), JSON.stringify(stderr));
  });

  test('a failure is one sentence and the status that it names', async () => {
    const { code, said } = await runWith(() =>
      Promise.reject(new CommandFailure(EXIT.rights, 'it needs root', 'try sudo')),
    );
    assert.equal(code, EXIT.rights);
    assert.equal(said, 'sshd-otel: it needs root; try sudo\n');
  });

  test('an error of ours is a sentence too, and shows its stack only when asked', async () => {
    const broken = () => Promise.reject(new TypeError('x is not a function'));
    const plain = await runWith(broken);
    assert.equal(plain.code, EXIT.internal);
    assert.match(plain.said, /^sshd-otel: internal error: x is not a function\n/);
    assert.doesNotMatch(plain.said, / at /);
    assert.match((await runWith(broken, { SSHD_OTEL_DEBUG: '1' })).said, / at /);
  });

  test('the exit statuses in the documentation are those of the program', () => {
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    assert.ok(page.includes(exitTable().join('\n')), 'docs/cli.md does not hold the table of sshd-otel --help');
    assert.equal(new Set(Object.values(EXIT)).size, Object.values(EXIT).length);
  });
});
