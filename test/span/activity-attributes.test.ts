import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Redactor } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { ConnectionFacts, ProgramFacts } from '../../agent/sshd/session-event.ts';
import {
  argvOf,
  at,
  attempt,
  attemptRef,
  auth,
  bytes,
  helper,
  program,
  session,
  sessionRef,
  whole,
} from '../helpers/session-events.ts';
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

test('an attempt tells its own method and key, and never those that let the user in later', () => {
  const spans = spansOf(
    { ...IN, authMethods: ['password'], key: { type: 'ssh-rsa', fingerprint: 'SHA256:last', certificate: false } },
    [
      attempt(1, 1, 2, {
        method: 'publickey',
        query: true,
        result: 'rejected',
        key: {
          type: 'ssh-ed25519-cert-v01@openssh.com',
          fingerprint: 'SHA256:own',
          certificate: true,
          certificateId: 'ada@ci',
        },
      }),
      attempt(2, 3, 4, { result: 'accepted', source: 'log', startUnknown: true }),
    ],
  );
  const [first, second] = spans;
  const expected = {
    'ssh.auth.method': 'publickey',
    'ssh.auth.result': 'rejected',
    'ssh.auth.attempt.ordinal': 1,
    'ssh.auth.attempt.query': true,
    'ssh.key.type': 'ssh-ed25519-cert-v01@openssh.com',
    'ssh.key.fingerprint': 'SHA256:own',
    'ssh.cert.id': 'ada@ci',
  };
  for (const [key, value] of Object.entries(expected)) assert.equal(first?.attributes[key], value, key);
  assert.equal(first?.attributes['ssh.fact.source'], undefined);
  assert.equal(second?.attributes['ssh.auth.method'], undefined);
  assert.equal(second?.attributes['ssh.key.fingerprint'], undefined);
  assert.equal(second?.attributes['ssh.fact.source'], 'log');
  assert.equal(second?.attributes['ssh.span.start_unknown'], true);
});

test('a refused attempt is an error only where nothing followed and nobody got in', () => {
  const attempts = [
    attempt(1, 1, 2, { method: 'none', result: 'rejected' }),
    attempt(2, 3, 4, { method: 'publickey', query: true, result: 'rejected' }),
    attempt(3, 5, 6, { method: 'password', result: 'rejected' }),
    attempt(4, 7, 8, { method: 'publickey', query: true, result: 'acceptable' }),
  ];
  const errors = (spans: readonly SpanRecord[]): unknown[] =>
    spans.slice(0, 4).map((span) => span.attributes['error.type']);
  assert.deepEqual(errors(spansOf({ attempts: 3 }, attempts)), [undefined, undefined, 'rejected', undefined]);
  assert.deepEqual(errors(spansOf({ ...IN, attempts: 3 }, attempts)), [undefined, undefined, undefined, undefined]);
  // What every client sends first, only to learn the methods.
  assert.deepEqual(errors(spansOf({ attempts: 1 }, attempts.slice(0, 1))).slice(0, 1), [undefined]);
});

test('a connection is an error where somebody tried and never got in, or sshd failed', () => {
  const root = (facts: Partial<ConnectionFacts>, result?: 'rejected' | 'aborted'): SpanRecord =>
    spansOf(facts, [{ ...auth(1, 2, 'aborted'), result } as ReturnType<typeof auth>]).at(-1) ?? assert.fail();
  assert.deepEqual(outcome(root({ attempts: 2 }, 'rejected')), ['error', 'auth_failed', 2]);
  assert.deepEqual(outcome(root({ attempts: 1, disconnectReason: 'grace_time' }, 'aborted')), ['error', 'timeout', 2]);
  assert.deepEqual(outcome(root({ disconnectReason: 'scan' }, 'aborted')), ['unset', undefined, 2]);
  assert.deepEqual(outcome(root({ ...IN, attempts: 3, failedAttempts: 2 })), ['unset', undefined, 0]);
  assert.deepEqual(outcome(root({ ...IN, serverFailed: true })), ['error', 'server_failed', 0]);
  // What was lost might have let the user in.
  const unknown = root({ attempts: 2, authUnknown: true });
  assert.deepEqual(outcome(unknown), ['unset', undefined, 0]);
  assert.equal(unknown.attributes['ssh.auth.result'], undefined);
});

test('a user name that sshd did not accept is told only if it looks like one', () => {
  const common = (name: string, facts: Partial<ConnectionFacts> = {}): unknown[] => {
    const { attributes } =
      spansOf({ user: { name: bytes(name), source: 'monitor' }, ...facts }, []).at(-1) ?? assert.fail();
    return [attributes['user.name'], attributes['ssh.user.name_length']];
  };
  assert.deepEqual(common('admin'), ['admin', undefined]);
  assert.deepEqual(common('Tr0ub4dor&3'), [undefined, 11]);
  assert.deepEqual(common('x'.repeat(33)), [undefined, 33]);
  assert.deepEqual(common('a\nb'), [undefined, 3]);
  assert.deepEqual(common('admin\n'), [undefined, 6]);
  assert.deepEqual(common('Ada.Lovelace@corp', { userValid: true }), ['Ada.Lovelace@corp', undefined]);
  assert.deepEqual(common('Ada.Lovelace@corp', { authenticated: true }), ['Ada.Lovelace@corp', undefined]);
});

test('a session tells what ran, what was asked for, on which terminal, and how it ended', () => {
  const [span] = spansOf(IN, [
    session(820, 10, 50, {
      type: 'exec',
      typeSource: 'command',
      command: whole('/usr/local/bin/forced'),
      requestedCommand: whole('rsync --server'),
      tty: '/dev/pts/3',
      exit: { code: 4, core: false },
      programs: 7,
    }),
  ]);
  const expected = {
    'ssh.session.id': span?.spanId,
    'ssh.session.type': 'exec',
    'ssh.session.type_source': 'command',
    'ssh.session.command': '/usr/local/bin/forced',
    'ssh.session.requested_command': 'rsync --server',
    'ssh.session.command_bytes': 21,
    'ssh.session.tty': '/dev/pts/3',
    'process.interactive': true,
    'ssh.session.ended_by': 'leader',
    'ssh.session.program_count': 7,
    'process.pid': 820,
    'process.exit.code': 4,
    'error.type': '4',
  };
  for (const [key, value] of Object.entries(expected)) assert.equal(span?.attributes[key], value, key);
});

test('a shell that hands on the status of its last command is no failed session, a killed one is', () => {
  const [shell] = spansOf(IN, [session(820, 10, 50, { type: 'shell', exit: { code: 130, core: false } })]);
  assert.ok(shell);
  assert.deepEqual(outcome(shell), ['unset', undefined, 0]);
  const [killed] = spansOf(IN, [session(820, 10, 50, { type: 'shell', exit: { signal: 1, core: false } })]);
  assert.ok(killed);
  assert.deepEqual(outcome(killed), ['error', 'SIGHUP', 0]);
});

test('the trace that a client says it is part of is a link, and only if it is valid', () => {
  const link = (traceparent: string, tracestate?: string): unknown =>
    spansOf(IN, [session(820, 10, 50, { traceparent, tracestate })])[0]?.links;
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const span = 'b7ad6b7169203331';
  assert.deepEqual(link(`00-${trace}-${span}-00`, 'a=1'), [
    { traceId: trace, spanId: span, remote: true, traceState: 'a=1', attributes: { 'ssh.link.type': 'remote_parent' } },
  ]);
  assert.equal((link(`01-${trace}-${span}-01-more`) as unknown[]).length, 1);
  for (const bad of [
    '',
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-01\n`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
  ]) {
    assert.deepEqual(link(bad), [], bad);
  }
  assert.equal((link(`00-${trace}-${span}-01`, 'a=\n') as { traceState?: string }[])[0]?.traceState, undefined);
});

test('the root tells where the time of the login went, and what is missing', () => {
  const root = spansOf(
    {
      ...IN,
      login: {
        totalNs: 790_000_000n,
        serverNs: 620_000_001n,
        clientNs: 169_999_999n,
        authorizedKeysCommandNs: 402_000_000n,
      },
      incomplete: new Set(['phase_signal_missing', 'events_lost']),
      lostEvents: 12,
      missingPhases: ['ssh.handshake.banner'],
      receivedBytes: 2n ** 40n,
      rttUs: 1500,
    },
    [],
  ).at(-1);
  const expected = {
    'ssh.login.duration': 0.79,
    'ssh.login.server_time': 0.620000001,
    'ssh.login.client_time': 0.169999999,
    'ssh.login.authorized_keys_command_time': 0.402,
    'ssh.trace.incomplete': true,
    'ssh.trace.incomplete_reasons': ['events_lost', 'phase_signal_missing'],
    'ssh.trace.missing_phases': ['ssh.handshake.banner'],
    'ssh.events.lost': 12,
    'ssh.connection.bytes_received': 2 ** 40,
    'ssh.connection.rtt': 0.0015,
  };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(root?.attributes[key], value, key);
});

test('a span whose end was not seen says so, and so does a root', () => {
  const [one, root] = spansOf({ endNs: undefined }, [{ ...auth(1, 2, 'aborted'), endUnknown: true }]);
  assert.equal(one?.attributes['ssh.span.end_unknown'], true);
  assert.equal(root?.attributes['ssh.span.end_unknown'], true);
});

test('no value exceeds what back ends take, whatever came in', () => {
  const long = 'é'.repeat(10_000);
  const spans = spansOf(
    {
      ...IN,
      user: { name: bytes(long), source: 'log' },
      key: { type: long, fingerprint: 'SHA256:x', certificate: true, certificateId: long },
    },
    [
      attempt(1, 1, 2, { method: long, result: 'rejected', key: { type: long, certificate: false } }),
      program(830, 20, 40, SESSION, SESSION, ['x'], { file: whole(`/${long}`), argv: argvOf(long) }),
      session(820, 10, 50, { subsystem: long, command: whole(long), requestedCommand: whole(long), tty: long }),
    ],
  );
  for (const span of spans) {
    for (const [key, value] of Object.entries(span.attributes)) {
      if (typeof value === 'string') assert.ok(Buffer.byteLength(value) <= 2048, `${key} has ${value.length}`);
    }
    assert.ok(Buffer.byteLength(span.name) <= 256);
  }
});
