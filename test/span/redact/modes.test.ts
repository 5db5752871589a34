import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';

const redactor = createRedactor({
  perUser: { backup: 'names-only', ada: 'full' },
  perProgram: { psql: 'names-only', curl: 'full', make: 'redacted' },
});

test('a program of which only the name is told, called directly, through others, or by a shell line', () => {
  const said = (...args: string[]) => redactor.argv(args).args.join(' ');
  assert.equal(said('/usr/bin/psql', '-c', 'select 1'), '/usr/bin/psql REDACTED REDACTED');
  assert.equal(said('sudo', '-u', 'postgres', 'psql', '-c', 'x'), 'sudo -u postgres psql REDACTED REDACTED');
  assert.equal(
    said('bash', '-c', 'cd /tmp && psql -c "select 1" | wc -l'),
    'bash -c cd /tmp && psql REDACTED "REDACTED" | wc -l',
  );
  assert.equal(redactor.text('psql -c "select 1"').text.includes('select'), false);
  assert.equal(said('pg_dump', 'db'), 'pg_dump db');
});

test('a program that is told in full, where it is the command itself', () => {
  assert.deepEqual(redactor.argv(['curl', '-u', 'me:hunter2']), { args: ['curl', '-u', 'me:hunter2'], redacted: 0 });
  assert.equal(redactor.text('curl -u me:hunter2').text, 'curl -u me:hunter2');
  assert.equal(redactor.argv(['sh', '-c', 'curl -u me:hunter2']).args[2], 'curl -u me:REDACTED');
});

test('names-only holds also where what runs the program is told in full', () => {
  for (const options of [
    { mode: 'full' },
    { perUser: { ada: 'full' } },
    { perProgram: { sh: 'full', sudo: 'full' } },
  ] as const) {
    const some = createRedactor({ ...options, perProgram: { psql: 'names-only', ...options.perProgram } });
    const full = some.forUser?.('ada') ?? some;
    const said = (...args: string[]) => full.argv(args).args.join(' ');
    assert.equal(said('psql', '-c', 'select 1'), 'psql REDACTED REDACTED');
    assert.equal(
      said('sh', '-c', 'mysql -phunter2; psql -c "select 1" && echo token=ghp_a1'),
      'sh -c mysql -phunter2; psql REDACTED "REDACTED" && echo token=ghp_a1',
    );
    assert.equal(said('sudo', 'sh', '-c', "sh -c 'psql x'"), "sudo sh -c sh -c 'psql REDACTED'");
    assert.equal(full.text('sh -c "psql x" --password=hunter2').text, 'sh -c "psql REDACTED" --password=hunter2');
    const deep = Array.from({ length: 9 }).reduce<string>((inner) => `sh -c ${JSON.stringify(inner)}`, 'psql payroll');
    assert.doesNotMatch(said('sh', '-c', deep), /payroll/);
  }
});

test('a mode for a user, over which that for a program wins', () => {
  const backup = redactor.forUser?.('backup');
  assert.deepEqual(backup?.argv(['rsync', 'a', 'b']).args, ['rsync', 'REDACTED', 'REDACTED']);
  assert.deepEqual(backup?.argv(['make', 'all']).args, ['make', 'all']);
  const ada = redactor.forUser?.('ada');
  assert.deepEqual(ada?.argv(['mysql', '-phunter2']).args, ['mysql', '-phunter2']);
  assert.deepEqual(ada?.argv(['psql', 'x']).args, ['psql', 'REDACTED']);
  assert.deepEqual(redactor.forUser?.('zoe')?.argv(['mysql', '-phunter2']).args, ['mysql', '-pREDACTED']);
});

test('what was replaced once is not counted again', () => {
  const once = redactor.argv(['psql', '-c', 'x']);
  assert.deepEqual(redactor.argv(once.args), { args: once.args, redacted: 0 });
});
