/** The comparator must see each kind of fault: a change to one fact of a right cell turns it red, and names that fact. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ATTR } from '../../agent/span/attributes.ts';
import type { AttributeValue, SpanRecord } from '../../agent/span/span-record.ts';
import { compareFacts, type FactKind } from './facts.ts';
import { replayRecording } from './recorded.ts';
import { toldFacts } from './told-facts.ts';

type Spans = readonly SpanRecord[];
type Mutation = readonly [title: string, recording: string, mutate: (spans: Spans) => Spans];

const isProgram = (span: SpanRecord) => span.attributes[ATTR.executableName] !== undefined;
const inSession = (span: SpanRecord) => isProgram(span) && span.attributes[ATTR.sessionId] !== undefined;

/** Changes the n-th span (from 0) that fits. @throws if there is none: a mutation that does nothing proves nothing */
function change(spans: Spans, fits: (span: SpanRecord) => boolean, to: (span: SpanRecord) => SpanRecord, n = 0): Spans {
  const chosen = spans.filter(fits)[n];
  assert.ok(chosen, 'the recording has such a span');
  return spans.map((span) => (span === chosen ? to(span) : span));
}

const named = (name: string) => (span: SpanRecord) => span.name === name;
const root = (span: SpanRecord) => span.root;

function set(fits: (span: SpanRecord) => boolean, name: string, value: AttributeValue | undefined, n = 0) {
  return (spans: Spans): Spans =>
    change(
      spans,
      fits,
      (span) => {
        assert.notDeepEqual(span.attributes[name], value, `${name} is ${value} already`);
        const attributes: Record<string, AttributeValue> = { ...span.attributes };
        delete attributes[name];
        return { ...span, attributes: value === undefined ? attributes : { ...attributes, [name]: value } };
      },
      n,
    );
}

function swapKeys(spans: Spans): Spans {
  const attempts = spans.filter(named('ssh.auth.attempt'));
  const [first, second] = [attempts[0], attempts[1]];
  assert.ok(first && second);
  const keys = (span: SpanRecord) => ({
    [ATTR.keyFingerprint]: span.attributes[ATTR.keyFingerprint] ?? '',
    [ATTR.keyType]: span.attributes[ATTR.keyType] ?? '',
  });
  return spans.map((span) => {
    if (span === first) return { ...span, attributes: { ...span.attributes, ...keys(second) } };
    return span === second ? { ...span, attributes: { ...span.attributes, ...keys(first) } } : span;
  });
}

/** Hangs a command that started none on another command of its session. */
function moveProgram(spans: Spans): Spans {
  const programs = spans.filter(inSession);
  const moved = programs.find((span) => !programs.some((other) => other.parentSpanId === span.spanId));
  const parent = programs.find((span) => span !== moved && span.spanId !== moved?.parentSpanId);
  assert.ok(moved && parent);
  return spans.map((span) => (span === moved ? { ...span, parentSpanId: parent.spanId } : span));
}

function moveToHelper(spans: Spans): Spans {
  const helper = spans.find(named('ssh.authorized_keys_command'));
  assert.ok(helper);
  return change(spans, inSession, (span) => ({ ...span, parentSpanId: helper.spanId }));
}

const shift = (name: 'startNs' | 'endNs', ms: number) => (span: SpanRecord) => ({
  ...span,
  [name]: span[name] + BigInt(ms) * 1_000_000n,
});

/** Two commands one after the other, told the other way round. */
function swapOrder(spans: Spans): Spans {
  const shell = spans.find(
    (span) => inSession(span) && spans.filter((one) => one.parentSpanId === span.spanId && isProgram(one)).length > 1,
  );
  const children = spans
    .filter((span) => span.parentSpanId === shell?.spanId && isProgram(span))
    .sort((a, b) => Number(a.startNs - b.startNs));
  const [first, last] = [children[0], children.at(-1)];
  assert.ok(first && last && first !== last);
  return spans.map((span) => (span === last ? { ...span, startNs: first.startNs - 1n } : span));
}

const drop =
  (fits: (span: SpanRecord) => boolean) =>
  (spans: Spans): Spans => {
    const chosen = spans.find(fits);
    assert.ok(chosen);
    return spans.filter((span) => span !== chosen);
  };

const KINDS: Readonly<Record<FactKind, Mutation>> = {
  peer: ['another port', '9.2-key_exec', set(root, ATTR.clientPort, 1)],
  monitor: ['another monitor', '9.2-key_exec', set(root, ATTR.pid, 1)],
  family: ['another family', '9.2-key_exec', set(root, ATTR.processFamily, 'B')],
  whole: ['said to be incomplete', '9.2-key_exec', set(root, ATTR.incomplete, true)],
  user: ['another user', '9.2-key_exec', set(root, ATTR.userName, 'bob')],
  valid: ['an invalid user called valid', '9.2-inv_user', set(root, ATTR.userValid, true)],
  login: ['a failed login called a success', '9.2-pw_bad3', set(root, ATTR.authResult, 'accepted')],
  method: ['another method', '9.2-pw_exec', set(root, ATTR.authMethod, 'publickey')],
  'login-key': ['another key let in', '9.2-multi_key', set(root, ATTR.keyFingerprint, 'SHA256:other')],
  end: ['another reason', '9.2-client_kill', set(root, ATTR.disconnectReason, 'logout')],
  'monitor-exit': ['another exit of the monitor', '9.2-key_exec', set(root, ATTR.exitCode, 0)],
  bytes: ['one byte more', '9.2-bytes', set(root, ATTR.receivedBytes, 1)],
  attempt: ['two keys swapped', '9.2-multi_key', swapKeys],
  certificate: ['another certificate id', '10.0-cert', set(named('ssh.auth.attempt'), ATTR.certificateId, 'mallory')],
  'keys-command': ['a run moved to another attempt', '9.2-multi_key', moveKeysCommand],
  session: ['another kind', '9.2-mux', set(named('ssh.session'), ATTR.sessionType, 'shell')],
  tty: ['another terminal', '9.2-pty_shell', set(named('ssh.session'), ATTR.tty, '/dev/pts/9')],
  command: ['another command', '9.2-key_exec', set(named('ssh.session'), ATTR.sessionCommand, 'true')],
  requested: ['a request forgotten', '9.2-force', set(named('ssh.session'), ATTR.requestedCommand, undefined)],
  'session-exit': ['exit 3 becomes 4', '9.2-key_exec', set(named('ssh.session'), ATTR.exitCode, 4)],
  'session-end': ['another end', '9.2-client_kill', set(named('ssh.session'), ATTR.sessionEndedBy, 'leader')],
  program: ['another argument', '9.2-key_exec', set(inSession, ATTR.commandArgs, ['bash', '-c', 'true'])],
  parent: ['a command moved to another parent', '9.2-pty_shell', moveProgram],
  owner: ['a command moved to a helper', '9.2-key_exec', moveToHelper],
  exit: [
    'exit 0 becomes 1',
    '9.2-key_exec',
    set((span) => inSession(span) && span.attributes[ATTR.exitCode] === 0, ATTR.exitCode, 1),
  ],
  forks: [
    'a subshell forgotten',
    '9.2-pty_shell',
    set((span) => isProgram(span) && span.attributes[ATTR.forks] !== undefined, ATTR.forks, undefined),
  ],
  'failed-execs': ['one failed exec more', '9.2-exec_failed', set(inSession, ATTR.failedExecs, 99)],
  survivor: [
    'a survivor called none',
    '9.2-daemons',
    set((span) => span.attributes[ATTR.survivor] === true, ATTR.survivor, undefined),
  ],
  order: ['two commands the other way round', '9.2-nested', swapOrder],
  time: ['a start 0.2 s later', '9.2-key_exec', (spans) => change(spans, inSession, shift('startNs', 200))],
  forward: [
    'a refused forward called opened',
    '9.2-forward_W',
    set((span) => span.attributes[ATTR.forwardResult] === 'refused', ATTR.forwardResult, 'opened'),
  ],
  'forward-bytes': [
    'a byte more through a forward',
    '9.2-forward_L',
    set((span) => span.attributes[ATTR.forwardSentBytes] === 6, ATTR.forwardSentBytes, 7),
  ],
  'audit-session': ['another audit session', '9.2-container', set(root, ATTR.auditSession, 1)],
  container: ['another container', '9.2-container', set(root, ATTR.containerId, '00')],
  'login-uid': ['another login uid', '9.2-key_exec', set(root, ATTR.loginUid, 0)],
  file: [
    'another path',
    '9.2-sftp_ext-exact',
    set((span) => span.attributes[ATTR.fileOperation] === 'rename', ATTR.filePath, '/etc/passwd'),
  ],
  files: ['one byte more', '9.2-sftp_ext-exact', set(named('ssh.session'), ATTR.sessionFileReadBytes, 1)],
  link: [
    'a link forgotten',
    '9.2-traceparent',
    (spans) =>
      change(
        spans,
        (span) => span.links.length > 0,
        (span) => ({ ...span, links: [] }),
      ),
  ],
};

function moveKeysCommand(spans: Spans): Spans {
  const attempts = spans.filter(named('ssh.auth.attempt'));
  return change(spans, named('ssh.authorized_keys_command'), (span) => {
    const other = attempts.find((attempt) => attempt.spanId !== span.parentSpanId);
    assert.ok(other);
    return { ...span, parentSpanId: other.spanId };
  });
}

const MORE: readonly (readonly [kind: FactKind, ...Mutation])[] = [
  ['attempt', 'an attempt dropped', '9.2-multi_key', drop(named('ssh.auth.attempt'))],
  [
    'attempt',
    'a rejected password called accepted',
    '9.2-pw_bad3',
    set(named('ssh.auth.attempt'), ATTR.authResult, 'accepted'),
  ],
  [
    'attempt',
    'a question called a signature',
    '9.2-key_exec',
    set(named('ssh.auth.attempt'), ATTR.attemptQuery, false),
  ],
  ['file', 'an operation dropped', '9.2-sftp_int-exact', drop(named('ssh.file'))],
  ['file', 'a byte more written', '9.2-jail-exact', set(named('ssh.file'), ATTR.fileWrittenBytes, 1)],
  [
    'forward-bytes',
    'a byte more to the agent',
    '9.2-forward_agent-exact',
    set((span) => span.attributes[ATTR.forwardReceivedBytes] === 15, ATTR.forwardReceivedBytes, 16),
  ],
  ['container', 'a command in no container', '9.2-container', set(inSession, ATTR.containerId, undefined)],
  ['session', 'a session dropped', '9.2-mux', drop(named('ssh.session'))],
  ['program', 'a command dropped', '9.2-pty_shell', drop(inSession)],
  ['peer', 'a connection dropped', '9.2-scan', drop(root)],
  ['program', 'a run of the keys command dropped', '9.2-key_exec', drop(named('ssh.authorized_keys_command'))],
  [
    'time',
    'a run of the keys command 0.2 s longer',
    '9.2-key_exec',
    (spans) => change(spans, named('ssh.authorized_keys_command'), shift('endNs', 200)),
  ],
];

describe('the comparator', () => {
  const all = [...Object.entries(KINDS).map(([kind, one]) => [kind as FactKind, ...one] as const), ...MORE];
  for (const [kind, title, recording, mutate] of all) {
    it(`sees ${title} (${kind})`, () => {
      const { spans, facts } = replayRecording(recording);
      const before = compareFacts(facts, toldFacts(spans));
      assert.deepEqual([before.wrong, before.missing], [[], []], 'the recording is right');
      const { wrong, missing } = compareFacts(facts, toldFacts(mutate(spans)));
      assert.ok(
        [...wrong, ...missing].some((line) => line.startsWith(`${kind} of `)),
        [...wrong, ...missing].join('\n'),
      );
    });
  }

  it('counts nothing as right where nothing was told', () => {
    const { facts } = replayRecording('9.2-key_exec');
    const { right, missing } = compareFacts(facts, []);
    assert.equal(right, 0);
    assert.ok(missing.length > 50);
  });

  it('takes no word for a fact that witnesses say twice', () => {
    const fact = { kind: 'user', key: '127.0.0.2', value: 'alice' } as const;
    assert.throws(() => compareFacts([fact, fact], []), /twice/);
    assert.deepEqual(compareFacts([fact], [fact, fact]).wrong, ['user of 127.0.0.2: told twice']);
  });
});
