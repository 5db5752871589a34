import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Redactor } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { ProgramFacts } from '../../agent/sshd/program-facts.ts';
import type { ConnectionFacts } from '../../agent/sshd/session-event.ts';
import { at, attemptRef, bytes, helper, program, session, sessionRef, whole } from '../helpers/session-events.ts';
import { named, spansOf } from '../helpers/spans.ts';

const IN: Partial<ConnectionFacts> = {
  authenticated: true,
  authenticatedNs: at(5),
  user: { name: bytes('ada'), source: 'monitor' },
};
const SESSION = sessionRef(820, 10);

function programSpan(args: readonly string[], facts: Partial<ProgramFacts> = {}): SpanRecord {
  const [span] = spansOf(IN, [program(830, 20, 40, SESSION, SESSION, args, facts)]);
  assert.ok(span && !span.root);
  return span;
}

function outcome(span: SpanRecord): [string, unknown, number] {
  return [span.status, span.attributes['error.type'], span.priority];
}

test('a program carries its whole argument vector and what is known of its process', () => {
  const { name, attributes } = programSpan(['git', 'log', '', '--since=1 day'], {
    uids: [1000, 0, 0],
    sid: 820,
    pgid: 830,
    ppid: 820,
    forks: 3,
    forksFailed: 1,
    file: whole('/usr/bin/git'),
  });
  assert.equal(name, 'git');
  const expected = {
    'process.pid': 830,
    'process.parent_pid': 820,
    'process.executable.name': 'git',
    'process.executable.path': '/usr/bin/git',
    'process.command_args': ['git', 'log', '', '--since=1 day'],
    'process.args_count': 4,
    'ssh.process.args_bytes': 23,
    'ssh.process.command_preview': "git log '' '--since=1 day'",
    'process.exit.code': 0,
    'process.user.id': 0,
    'process.real_user.id': 1000,
    'process.session_leader.pid': 820,
    'process.group_leader.pid': 830,
    'ssh.process.forks': 3,
    'ssh.process.forks_failed': 1,
  };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(attributes[key], value, key);
  assert.equal(attributes['ssh.process.args_truncated'], undefined);
});

test('a program succeeds, fails by its exit code, dies by a signal, or is replaced', () => {
  assert.deepEqual(outcome(programSpan(['true'])), ['unset', undefined, 1]);
  const failed = programSpan(['false'], { exit: { code: 100, core: false } });
  assert.deepEqual(outcome(failed), ['error', '100', 0]);
  const killed = programSpan(['yes'], { exit: { signal: 9, core: true } });
  assert.deepEqual(outcome(killed), ['error', 'SIGKILL', 0]);
  assert.equal(killed.attributes['process.exit.code'], 137);
  assert.equal(killed.attributes['ssh.process.exit.signal'], 'SIGKILL');
  assert.equal(killed.attributes['ssh.process.core_dumped'], true);
  const replaced = programSpan(['env', 'x'], { replaced: true, exit: undefined });
  assert.deepEqual(outcome(replaced), ['unset', undefined, 1]);
  assert.equal(replaced.attributes['process.exit.code'], undefined);
});

test('what was not seen of a program is left out, not invented', () => {
  const { name, attributes } = programSpan([], {
    file: undefined,
    argv: undefined,
    uids: undefined,
    ppid: undefined,
    sid: undefined,
    pgid: undefined,
    exit: undefined,
    forks: undefined,
    forksFailed: undefined,
  });
  assert.equal(name, '(unknown program)');
  const own = Object.keys(attributes).filter((key) => key.startsWith('process.') || key.startsWith('ssh.process.'));
  assert.deepEqual(own, ['process.pid']);
  assert.equal(programSpan(['x'], { file: undefined, comm: bytes('kworker') }).name, 'kworker');
});

test('an argument vector that the producer cut says so, and claims no count', () => {
  const { attributes } = programSpan([], { argv: { bytes: bytes('tar\0cf\0/tm'), length: 200_000 } });
  assert.deepEqual(attributes['process.command_args'], ['tar', 'cf', '/tm']);
  assert.equal(attributes['process.args_count'], undefined);
  assert.equal(attributes['ssh.process.args_bytes'], 200_000);
  assert.equal(attributes['ssh.process.args_truncated'], true);
});

test('an argument vector beyond the limit is cut, its count and length stay true, one setting lifts it', () => {
  const args = ['printf', 'x'.repeat(100_000)];
  const facts = { file: whole('/usr/bin/printf') };
  const { attributes } = programSpan(args, facts);
  assert.equal(attributes['process.args_count'], 2);
  assert.equal(attributes['ssh.process.args_bytes'], 100_008);
  assert.equal(attributes['ssh.process.args_truncated'], true);
  const [, second] = attributes['process.command_args'] as string[];
  assert.match(second ?? '', /^x+…\[\d+ bytes cut\]…x+$/);
  const [span] = spansOf(IN, [program(830, 20, 40, SESSION, SESSION, args, facts)], { maxArgvBytes: 1_000_000 });
  assert.deepEqual(span?.attributes['process.command_args'], args);
  assert.equal(span?.attributes['ssh.process.args_truncated'], undefined);
});

test('names of programs are clean, short, and never those of our own spans', () => {
  assert.equal(programSpan(['x'], { file: whole('./deploy.sh') }).name, 'deploy.sh');
  assert.equal(programSpan(['x'], { file: whole('ssh.connection') }).name, './ssh.connection');
  const invalid = { bytes: Uint8Array.of(47, 0x61, 0xff, 0xfe, 0x62), length: 5 };
  assert.equal(programSpan(['x'], { file: invalid }).name, 'a\ufffd\ufffdb');
  assert.equal(programSpan(['x'], { file: whole(`/${'😀'.repeat(200)}`) }).name, `${'😀'.repeat(63)}…`);
});

test('a preview is one line of at most 256 characters', () => {
  const { attributes } = programSpan(['echo', "it's", 'a\nb', 'x'.repeat(500)]);
  const preview = attributes['ssh.process.command_preview'] as string;
  assert.ok(preview.startsWith(`echo 'it'\\''s' 'a\nb' xxx`) && preview.endsWith('…'));
  assert.equal([...preview].length, 256);
});

test('everything that a user chose goes through the redactor, and keys of an AuthorizedKeysCommand are let through', () => {
  const asked: unknown[] = [];
  const redactor: Redactor = {
    argv: (args, options) => {
      asked.push(options?.allowKeys === true);
      return { args: args.map((arg) => arg.replaceAll('hunter2', 'REDACTED')), redacted: 1 };
    },
    text: (text) => ({ text: text.replaceAll('hunter2', 'REDACTED'), redacted: 1 }),
  };
  const spans = spansOf(
    IN,
    [
      helper('authorized_keys_command', 815, 1, 2, attemptRef(1), ['/opt/keys', 'hunter2']),
      helper('setup.helper', 816, 3, 4, attemptRef(1), ['/opt/motd', 'hunter2']),
      program(830, 20, 40, SESSION, SESSION, ['curl', '-u', 'ada:hunter2'], { file: whole('/home/ada/hunter2') }),
      session(820, 10, 50, {
        type: 'exec',
        command: whole('curl -u ada:hunter2 x'),
        requestedCommand: whole('mysql -phunter2'),
      }),
    ],
    { redactor },
  );
  assert.deepEqual(asked, [true, false, false]);
  assert.ok(!JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value)).includes('hunter2'));
  assert.equal(named(spans, 'REDACTED').attributes['ssh.redactions'], 1);
  assert.equal(named(spans, 'ssh.session').attributes['ssh.redactions'], 2);
});

test('what a program used: CPU time from 10 ms on, memory, and the file that was loaded', () => {
  const cpu = { userNs: 1_250_000_000n, systemNs: 250_000_000n };
  const inode = { device: (8 << 20) | 17, number: '18014398509481985' };
  const { attributes } = programSpan(['make'], { cpu, maxRssBytes: 73_400_320n, inode });
  assert.equal(attributes['ssh.process.cpu_user_time'], 1.25);
  assert.equal(attributes['ssh.process.cpu_system_time'], 0.25);
  assert.equal(attributes['ssh.process.max_resident_bytes'], 73_400_320);
  assert.equal(attributes['ssh.process.executable_inode'], '8:17:18014398509481985');
  const little = programSpan(['true'], { cpu: { userNs: 9_000_000n, systemNs: 999_999n } }).attributes;
  assert.deepEqual(
    Object.keys(little).filter((name) => /cpu|resident|inode/.test(name)),
    [],
  );
});

const CONTAINER = 'ab12'.repeat(16);
const inContainer = { bytes: bytes(`/docker/${CONTAINER}`), depth: 2 };

test('a connection in a container says so on every span; a program, by where it is itself', () => {
  const outside = { bytes: bytes('/system.slice'), depth: 1 };
  const ids = (connection: Partial<ConnectionFacts>, facts: Partial<ProgramFacts>) =>
    spansOf({ ...IN, ...connection }, [program(830, 20, 40, SESSION, SESSION, ['id'], facts)]).map((span) => [
      span.root,
      span.attributes['container.id'],
    ]);
  assert.deepEqual(ids({ cgroup: inContainer }, {}), [
    [false, CONTAINER],
    [true, CONTAINER],
  ]);
  assert.deepEqual(ids({ cgroup: inContainer }, { cgroup: outside }), [
    [false, undefined],
    [true, CONTAINER],
  ]);
  assert.deepEqual(ids({}, { cgroup: inContainer }), [
    [false, CONTAINER],
    [true, undefined],
  ]);
});
