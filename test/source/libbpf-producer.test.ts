import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LIBBPF_EXITS, libbpfCommand, libbpfPlaces } from '../../agent/source/libbpf-producer.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

test('nothing asked for: no arguments, no environment, an input whose end is the end', () => {
  assert.deepEqual(libbpfCommand('/x/producer'), { command: '/x/producer', args: [], env: {}, stdin: 'pipe' });
});

test('every option becomes an argument', () => {
  const { args } = libbpfCommand('/x/producer', {
    listenerPid: 7,
    exact: true,
    logLines: false,
    allNamespaces: true,
    ringBytes: 65_536,
    maxProcesses: 100,
    orphanHours: 2,
    user: 0,
    socket: '/run/a b',
  });
  const expected = '--exact --no-log --scope all --listener 7 --ring-size 65536 --max-processes 100 --orphan-hours 2';
  assert.deepEqual(args, [...expected.split(' '), '--user', '0', '--socket', '/run/a b']);
});

test('what is on by default is not asked for', () => {
  assert.deepEqual(libbpfCommand('p', { exact: false, logLines: true, allNamespaces: false }).args, []);
});

test('a build in the package comes before an installed one', () => {
  const places = libbpfPlaces('/opt/x');
  assert.equal(places[0], '/opt/x/ebpf/.output/sshd-otel-producer');
  assert.ok(places.some((place) => place.startsWith('/usr/lib/')));
});

const built = libbpfPlaces(root).find((place) => existsSync(place));

test('the program knows the options and the exit codes, and is of this version', {
  skip: built === undefined && 'not built',
}, () => {
  const help = execFileSync(built ?? '', ['--help'], { encoding: 'utf8' });
  for (const name of '--exact --no-log --scope --listener --ring-size --max-processes --orphan-hours --user --socket'.split(
    ' ',
  )) {
    assert.match(help, new RegExp(`^  ${name}\\b`, 'm'));
  }
  const version = execFileSync(built ?? '', ['--version'], { encoding: 'utf8' });
  const { version: expected } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };
  assert.equal(version, `sshd-otel-producer ${expected}\n`);
  for (const code of LIBBPF_EXITS.keys()) assert.match(help, new RegExp(`\\b${code} [a-z]`));
});
