import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { type ConnectionFacts, ROOT } from '../../agent/sshd/session-event.ts';
import { argvOf, at, attempt, auth, bytes, program, session, sessionRef, whole } from '../helpers/session-events.ts';
import { spansOf } from '../helpers/spans.ts';

const IN: Partial<ConnectionFacts> = {
  authenticated: true,
  authenticatedNs: at(5),
  user: { name: bytes('ada'), source: 'monitor' },
};
const SESSION = sessionRef(820, 10);

function outcome(span: SpanRecord): [string, unknown, number] {
  return [span.status, span.attributes['error.type'], span.priority];
}

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

test('a forward tells its target, what became of it and its bytes, and is no error where the target refused', () => {
  const base = { kind: 'forward', parent: ROOT, startNs: at(10), endNs: at(20) } as const;
  const spans = spansOf({ ...IN, forwards: 2 }, [
    {
      ...base,
      ref: { kind: 'forward', key: ['7'] },
      direction: 'local',
      operation: 'connect',
      type: 'tcp',
      target: '192.0.2.7',
      targetPort: 5432,
      local: '192.0.2.1',
      localPort: 40_000,
      result: 'opened',
      receivedBytes: 300n,
      sentBytes: 6n,
    },
    {
      ...base,
      ref: { kind: 'forward', key: ['8'] },
      direction: 'local',
      operation: 'connect',
      target: '::1',
      targetPort: 1,
      result: 'refused',
    },
  ]);
  const [opened, refused] = spans.filter((span) => span.name === 'ssh.port_forward');
  const own = (span: SpanRecord | undefined) =>
    Object.fromEntries(
      Object.entries(span?.attributes ?? {}).filter(([name]) => /^(ssh\.forward|network)\./.test(name)),
    );
  assert.deepEqual(own(opened), {
    'ssh.forward.type': 'tcp',
    'ssh.forward.direction': 'local',
    'ssh.forward.operation': 'connect',
    'ssh.forward.result': 'opened',
    'network.peer.address': '192.0.2.7',
    'network.peer.port': 5432,
    'network.local.address': '192.0.2.1',
    'network.local.port': 40_000,
    'ssh.forward.bytes_received': 300,
    'ssh.forward.bytes_sent': 6,
  });
  assert.equal(opened?.parentSpanId, spans.at(-1)?.spanId);
  assert.notEqual(opened?.spanId, refused?.spanId);
  assert.ok(refused !== undefined);
  assert.deepEqual(outcome(refused), ['unset', undefined, 1]);
  assert.equal(refused.attributes['ssh.forward.result'], 'refused');
  assert.equal(spans.at(-1)?.attributes['ssh.connection.forward_count'], 2);
});
