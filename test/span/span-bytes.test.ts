import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../agent/pipeline.ts';
import { MAX_ARGV_BYTES } from '../../agent/span/limits.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import { encodedBytes, mostActivityBytes, mostBytes } from '../../agent/span/span-bytes.ts';
import { idKey, spanId } from '../../agent/span/span-ids.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { Activity, ConnectionFacts, SessionEvent } from '../../agent/sshd/session-event.ts';
import { argvOf, attempt, bytes, program, programRef, session, sessionRef, whole } from '../helpers/session-events.ts';
import { spansOf } from '../helpers/spans.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';

const HOST_KEY = new Uint8Array(32);
const SESSION = sessionRef(820, 10);
const SHA = `SHA256:${'x'.repeat(43)}`;
/** What makes every span of a connection longer. */
const LONG: Partial<ConnectionFacts> = {
  authenticated: true,
  user: { name: new Uint8Array(32).fill(120), source: 'monitor' },
  authMethods: ['publickey', 'keyboard-interactive', 'password'],
  key: { type: 'ssh-ed25519', fingerprint: SHA, certificate: false },
  endpoints: { peer: `${'2001:db8:'.repeat(4)}1`, peerPort: 1, local: '::1', localPort: 22 },
  cgroup: {
    bytes: bytes(
      `/kubepods.slice/kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice/cri-containerd-${'a'.repeat(64)}.scope`,
    ),
    depth: 3,
  },
};

/** A program with all that there may be of one. */
function everything(args: readonly string[]): Activity {
  const own = program(821, 20, 30, programRef(820, 10), SESSION, args, {
    ...{ execNumber: 12, survivor: true, forks: 9, forksFailed: 9, failedExecs: 9, loginUid: 1000, pgid: 820 },
    ...{ exit: { signal: 11, core: true }, cgroup: LONG.cgroup, inode: { device: 2 ** 28, number: '9'.repeat(18) } },
    ...{ cpu: { userNs: 10n ** 12n, systemNs: 10n ** 12n }, maxRssBytes: 2n ** 40n },
    file: whole(`/${'long/'.repeat(500)}name`),
  });
  return { ...own, endUnknown: true, incomplete: ['events_lost', 'value_cut'] };
}

for (const [what, args] of Object.entries({
  'few arguments': ['cc', '-c', 'a.c'],
  'secrets that what stands for them is longer than': ['mysql', ...Array(2_000).fill('-px')],
  'quotes only': [`${"'".repeat(300)}`],
  'a byte each': Array(70_000).fill('x'),
  'nothing each': Array(100_000).fill(''),
  'letters of other scripts': Array(100).fill('ж'.repeat(500)),
  'one of a megabyte': ['x'.repeat(2 ** 20)],
}))
  test(`no span is bigger than was counted when it began: arguments of ${what}`, () => {
    const activity = everything(args);
    const [span] = spansOf(LONG, [activity], { redactor: createRedactor(), openMarkers: false });
    assert.ok(span);
    const most = mostActivityBytes(activity, MAX_ARGV_BYTES);
    assert.ok(encodedBytes(span) <= most, `${encodedBytes(span)} of ${most}`);
  });

test('bytes that are no text count as what they are shown as', () => {
  const activity = everything(['x']);
  assert.ok(activity.kind === 'program');
  const raw = new Uint8Array(20_000).fill(0xff);
  const odd: Activity = { ...activity, program: { ...activity.program, argv: { bytes: raw, length: raw.length } } };
  const [span] = spansOf(LONG, [odd], { openMarkers: false });
  assert.ok(span);
  assert.ok(encodedBytes(span) > 60_000);
  assert.ok(encodedBytes(span) <= mostActivityBytes(odd, MAX_ARGV_BYTES));
});

test('sessions and attempts are no bigger than was counted either', () => {
  const command = whole('"ж'.repeat(2_000));
  const long: Activity[] = [
    session(820, 10, 30, { command, requestedCommand: command, type: 'exec', tty: '/dev/pts/0' }),
    attempt(1, 1, 2, {
      key: { type: 'k'.repeat(3_000), fingerprint: SHA, certificate: true, certificateId: 'ж'.repeat(3_000) },
    }),
  ];
  const spans = spansOf(LONG, long, { openMarkers: false });
  for (const [i, activity] of long.entries()) {
    const span = spans[i] as SpanRecord;
    assert.ok(encodedBytes(span) <= mostActivityBytes(activity, MAX_ARGV_BYTES), `${encodedBytes(span)} ${span.name}`);
  }
});

test('less is counted where arguments are cut sooner', () => {
  const argv = argvOf('x'.repeat(10_000));
  assert.ok(mostBytes({ argv, others: [] }, 256) < mostBytes({ argv, others: [] }, MAX_ARGV_BYTES) - 9_000);
});

test('in recorded streams every program and file was counted when it began, and nothing is bigger than was counted', () => {
  let programs = 0;
  for (const name of streamNames()) {
    const events: SessionEvent[] = [];
    const options = { hostKey: HOST_KEY, redactor: createRedactor(), agentVersion: '0' };
    const pipeline = new Pipeline({ ...options, onTold: (event) => events.push(event) });
    const spans = [...pipeline.push(loadStream(name)), ...pipeline.end()];
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const traces = [...new Set(spans.map(({ traceId }) => traceId))];
    const began = new Map<string, number>();
    for (const event of events) {
      if (event.type === 'began') began.set(nameOf(event), mostBytes(event.texts, MAX_ARGV_BYTES));
      if (event.type !== 'activity') continue;
      const { activity } = event;
      const most = mostActivityBytes(activity, MAX_ARGV_BYTES);
      if (activity.kind === 'program' || activity.kind === 'file') {
        programs++;
        assert.equal(began.get(nameOf({ ...event, ref: activity.ref })), most, `${name} ${activity.ref.key}`);
        assert.equal(activity.ref.startNs, activity.startNs);
      }
      for (const traceId of traces) {
        const span = byId.get(spanId(idKey(HOST_KEY), traceId, activity.ref));
        if (span !== undefined) assert.ok(encodedBytes(span) <= most, `${name} ${span.name} ${encodedBytes(span)}`);
      }
    }
  }
  assert.ok(programs > 300, `${programs}`);
});

function nameOf({ connection, ref }: Pick<Extract<SessionEvent, { type: 'began' }>, 'connection' | 'ref'>): string {
  return [connection.id.pid, connection.id.startNs, ref.kind, ...ref.key].join(' ');
}
