/** Each mode acts on every string that a user chose, wherever it goes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KernelEvent } from '../../../agent/decode/kernel-event.ts';
import { redactEvent } from '../../../agent/span/redact/redact-event.ts';
import { createRedactor, type RedactionMode } from '../../../agent/span/redact/redactor.ts';
import type { SpanRecord } from '../../../agent/span/span-record.ts';
import { type Activity, ROOT } from '../../../agent/sshd/session-event.ts';
import { drawTrace } from '../../../agent/view/draw-trace.ts';
import {
  argvOf,
  at,
  bytes,
  connection,
  HANDSHAKE,
  helper,
  program,
  session,
  sessionRef,
  tick,
  told,
  whole,
} from '../../helpers/session-events.ts';
import { applyAll, builder, spansOf } from '../../helpers/spans.ts';

const TOKEN = `ghp_${'a1B2'.repeat(9)}`;
/** A secret by its place, and an argument that none but `names-only` hides. */
const LINE = ['mysql', '-phunter2', 'payroll'];
const SESSION = sessionRef(820, 10);

/** Everything that a span can tell of what `user` ran, and the markers of what is open. */
function spansWith(mode: RedactionMode, perUser: Readonly<Record<string, RedactionMode>> = {}): SpanRecord[] {
  const redactor = createRedactor({ mode, perUser });
  const ada = connection({
    authenticated: true,
    authenticatedNs: at(1),
    user: { name: bytes('ada'), source: 'monitor' },
  });
  const survivor = program(830, 50, 9_000, SESSION, SESSION, LINE, { survivor: true });
  const line = LINE.join(' ');
  const spans = applyAll(builder({ redactor }), [
    { type: 'connection-opened', connection: ada, tsNs: at(0) },
    told(ada, helper('auth.helper', 810, 2, 3, HANDSHAKE, LINE)),
    { type: 'authenticated', connection: ada, tsNs: at(4) },
    { type: 'session-opened', connection: ada, session: SESSION, tsNs: at(10) },
    tick(3_000),
    told(ada, program(821, 20, 3_030, SESSION, SESSION, LINE)),
    told(ada, program(822, 20, 3_030, SESSION, SESSION, ['sh', '-c', `exec ${line}`])),
    told(ada, program(823, 20, 3_030, SESSION, SESSION, ['x'], { file: whole(`/tmp/${TOKEN}`) })),
    told(ada, session(820, 10, 4_000, { type: 'exec', command: whole(line), requestedCommand: whole(`x; ${line}`) })),
    { type: 'connection-closed', connection: Object.assign(ada, { endNs: at(5_000) }), tsNs: at(5_000) },
    told(ada, survivor),
  ]);
  assert.ok(spans.length >= 9, `${spans.length} spans`);
  assert.ok(spans.some(({ name }) => name === 'ssh.session (open)'));
  return spans;
}

/** As they are exported and kept on disk, and as they are drawn. */
function textOf(spans: readonly SpanRecord[]): string {
  const plain = JSON.stringify(spans, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return `${plain}\n${drawTrace(spans, { width: 400, color: false })}`;
}

describe('spans, what is kept on disk, and drawings', () => {
  test('redacted: no secret, and everything else', () => {
    const text = textOf(spansWith('redacted'));
    assert.doesNotMatch(text, /hunter2|ghp_a1/);
    assert.match(text, /payroll/);
    assert.match(text, /REDACTED/);
  });

  test('names-only: names of programs, and no argument anywhere', () => {
    const text = textOf(spansWith('names-only'));
    assert.doesNotMatch(text, /hunter2|payroll|ghp_a1/);
    assert.match(text, /mysql REDACTED REDACTED/);
    assert.match(text, /"ssh\.session\.command":"mysql REDACTED"/);
    assert.match(text, /"ssh\.session\.requested_command":"x; REDACTED"/);
  });

  test('full: everything', () => {
    const text = textOf(spansWith('full'));
    assert.match(text, /hunter2/);
    assert.match(text, /ghp_a1/);
    assert.doesNotMatch(text, /REDACTED/);
  });

  test('a mode of the user wins for all that is told of his connection', () => {
    assert.doesNotMatch(textOf(spansWith('full', { ada: 'names-only' })), /hunter2|payroll|ghp_a1/);
    assert.match(textOf(spansWith('names-only', { ada: 'full' })), /hunter2/);
    assert.doesNotMatch(textOf(spansWith('full', { zoe: 'names-only' })), /REDACTED/);
  });
});

test('a secret in the name of a forwarded socket is taken out and counted; the name stays where it is none', () => {
  const path = (name: string): Activity => ({
    ...{ kind: 'forward', parent: ROOT, startNs: at(10), endNs: at(20), ref: { kind: 'forward', key: [name] } },
    ...{ direction: 'local', operation: 'connect', type: 'unix', path: bytes(`/run/${name}.sock`) },
  });
  for (const mode of ['redacted', 'names-only'] as const) {
    const redactor = createRedactor({ mode });
    const told = spansOf({ authenticated: true }, [path(TOKEN), path('docker')], { redactor });
    const [secret, plain] = told.filter(({ name }) => name === 'ssh.port_forward').map(({ attributes }) => attributes);
    assert.deepEqual([secret?.['ssh.forward.path'], secret?.['ssh.redactions']], ['/run/REDACTED.sock', 1]);
    assert.deepEqual([plain?.['ssh.forward.path'], plain?.['ssh.redactions']], ['/run/docker.sock', undefined]);
  }
});

describe('recordings', () => {
  const process = { pid: 7, startNs: 5n };
  const common = { tsNs: 9n, process } as const;
  const line = bytes(LINE.join(' '));
  const cut = (content: Uint8Array) => ({ bytes: content, length: content.length });
  const events = [
    { ...common, kind: 'exec', argv: argvOf(...LINE), env: [{ name: 'SSH_ORIGINAL_COMMAND', value: cut(line) }] },
    { ...common, kind: 'exec', file: cut(bytes(`/tmp/${TOKEN}`)), env: [] },
    { ...common, kind: 'forward', path: bytes(`/run/${TOKEN}`) },
    { ...common, kind: 'seed', argv: argvOf(...LINE), env: [] },
    {
      ...common,
      kind: 'log',
      data: cut(
        bytes(`Starting session: forced-command (config) '${LINE.join(' ')}' for ada from 192.0.2.10 port 51122 id 0`),
      ),
    },
    {
      ...common,
      kind: 'mon',
      type: 113,
      length: line.length + 4,
      data: cut(Buffer.concat([Buffer.of(0, 0, 0, line.length), line])),
    },
    { ...common, kind: 'file', path: cut(bytes(`/srv/payroll/${TOKEN}`)), to: cut(bytes(`payroll ${TOKEN}`)) },
  ] as unknown as KernelEvent[];

  /** All bytes of an event as text. */
  function bytesOf(event: KernelEvent): string {
    return JSON.stringify(event, (_key, value: unknown) =>
      typeof value === 'bigint'
        ? String(value)
        : value instanceof Uint8Array
          ? Buffer.from(value).toString('latin1')
          : value,
    );
  }

  for (const [mode, hidden] of [
    ['redacted', /hunter2|ghp_a1/],
    ['names-only', /hunter2|payroll|ghp_a1/],
  ] as const) {
    test(`${mode}: nothing that a span would hide`, () => {
      const redactor = createRedactor({ mode });
      for (const event of events) {
        const text = bytesOf(redactEvent(event, redactor));
        assert.ok(!hidden.test(text), text);
        assert.ok(text.includes('REDACTED'), text);
      }
    });
  }

  test('full: everything', () => {
    const redactor = createRedactor({ mode: 'full' });
    for (const event of events) assert.equal(redactEvent(event, redactor), event);
  });
});
