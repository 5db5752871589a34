import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';

const redactor = createRedactor();

/** Redacts a command line and, in the same breath, the argv of the shell that runs it. */
function line(text: string): string {
  const result = redactor.text(text);
  assert.deepEqual(redactor.argv(['/bin/bash', '-c', text]).args, ['/bin/bash', '-c', result.text]);
  return result.text;
}

test('hides an attached password and keeps what looks like one and is none', () => {
  assert.equal(line('mysql -u root -phunter2 shop'), 'mysql -u root -pREDACTED shop');
  assert.equal(line('mysql -u root -p shop'), 'mysql -u root -p shop');
  assert.equal(line('ssh -p 2222 host'), 'ssh -p 2222 host');
  assert.equal(line('docker run -p 80:80 nginx'), 'docker run -p 80:80 nginx');
  assert.equal(line('mkdir -p /srv/a && cp -p a b && ps -p 1'), 'mkdir -p /srv/a && cp -p a b && ps -p 1');
});

test('keeps quotes, blanks and every other byte as they were', () => {
  assert.equal(line("mysql  -p'my pw'   x"), "mysql  -p'REDACTED'   x");
  assert.equal(line("mysql -p'ab'c'd' x"), "mysql -p'REDACTED''' x");
  assert.equal(line('curl -u "bob:a b" h'), 'curl -u "bob:REDACTED" h');
});

test('looks into command lines within command lines', () => {
  assert.equal(
    line(`sudo -u a sh -c "mysql -p'my pw' x; curl -u b:c h"`),
    `sudo -u a sh -c "mysql -p'REDACTED' x; curl -u b:REDACTED h"`,
  );
  assert.equal(line('sh -c mysql -pabc'), 'sh -c mysql -pREDACTED');
  assert.equal(line('export X=$(curl -u a:b h)'), 'export X=$(curl -u a:REDACTED h)');
  assert.equal(line('timeout 5 nice -n 3 env A=1 mysql -pxyz'), 'timeout 5 nice -n 3 env A=1 mysql -pREDACTED');
});

test('hides what is deeper than anyone writes', () => {
  let text = 'mysql -psecretword';
  for (let depth = 0; depth < 9; depth++) text = `sh -c '${text.replaceAll("'", `'\\''`)}'`;
  assert.ok(!redactor.text(text).text.includes('secretword'));
});

test('leaves what the shell fills in', () => {
  assert.equal(line('mysql -p"$PW" -u "$U"'), 'mysql -p"$PW" -u "$U"');
  assert.equal(line('curl -u "$U:$(cat pw)" h'), 'curl -u "$U:$(cat pw)" h');
});

test('options that look like those of an unknown program that takes a password', () => {
  assert.equal(line('tool -u bob -p abc'), 'tool -u bob -p REDACTED');
  assert.equal(line('tool -u bob -p 80:80'), 'tool -u bob -p 80:80');
  assert.equal(line('systemctl --user show -p ActiveState x'), 'systemctl --user show -p ActiveState x');
});

test('argv is taken literally: a dollar in it is part of the secret', () => {
  assert.deepEqual(redactor.argv(['mysql', '-p$ecret', 'a b']), { args: ['mysql', '-pREDACTED', 'a b'], redacted: 1 });
});

test('hides what is piped or fed into a program that reads passwords', () => {
  assert.equal(line('echo "root:abc" | chpasswd'), 'echo "root:REDACTED" | chpasswd');
  assert.equal(line('chpasswd <<< root:abc'), 'chpasswd <<< root:REDACTED');
  assert.equal(line('chpasswd <<EOF\na:b c\nd:e\nEOF\nls'), 'chpasswd <<EOF\na:REDACTED\nd:REDACTED\nEOF\nls');
  assert.equal(line('echo abc | sudo -S ls'), 'echo REDACTED | sudo -S ls');
});

test('a line that was cut within quotes is read both ways', () => {
  assert.equal(line("mysql -p'my secr"), "mysql -p'REDACTED");
  assert.equal(line("it isn't so: mysql; mysql -pabc"), "it isn't so: mysql; mysql -pREDACTED");
});

test('counts, and finds nothing more the second time', () => {
  const once = redactor.text('A_TOKEN=x curl -u a:b https://u:p@h/');
  assert.deepEqual(once, { text: 'A_TOKEN=REDACTED curl -u a:REDACTED https://u:REDACTED@h/', redacted: 3 });
  assert.deepEqual(redactor.text(once.text), { text: once.text, redacted: 0 });
});

test('public keys stay where they are expected', () => {
  const args = ['/usr/bin/keys', 'root', 'AKIAIOSFODNN7EXAMPLE', 'SHA256:abc'];
  assert.deepEqual(redactor.argv(args, { allowKeys: true }), { args, redacted: 0 });
  assert.equal(redactor.argv(args).redacted, 1);
});

test('the operator adds programs, options and names', () => {
  const own = createRedactor({ programs: [{ names: 'frob', secret: '-k --magic' }], keys: ['Colour'] });
  assert.equal(
    own.text('frob -k abc --magic=x; COLOUR=red ls').text,
    'frob -k REDACTED --magic=REDACTED; COLOUR=REDACTED ls',
  );
  assert.equal(redactor.text('frob -k abc; COLOUR=red ls').redacted, 0);
});

test('the modes: everything, or the names of programs', () => {
  assert.equal(createRedactor({ mode: 'full' }).text('mysql -pabc').text, 'mysql -pabc');
  const names = createRedactor({ mode: 'names-only' });
  assert.deepEqual(names.argv(['/bin/ls', '-l', '/x']), { args: ['/bin/ls', 'REDACTED', 'REDACTED'], redacted: 2 });
  assert.deepEqual(names.text('/bin/ls -l /x'), { text: '/bin/ls REDACTED', redacted: 1 });
  assert.deepEqual(names.text('/bin/ls REDACTED'), { text: '/bin/ls REDACTED', redacted: 0 });
  assert.deepEqual(names.text('ls'), { text: 'ls', redacted: 0 });
  assert.deepEqual(names.text('A=1 ls'), { text: 'REDACTED', redacted: 1 });
});
