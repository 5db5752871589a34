import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanBuilder } from '../../agent/span/span-builder.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { SessionEvent } from '../../agent/sshd/session-event.ts';
import { keyLogin } from '../helpers/key-login.ts';
import { at, session, sessionRef, tick, told } from '../helpers/session-events.ts';
import { applyAll, builder, named } from '../helpers/spans.ts';

test('a connection and a session still open after 2 s are told once by markers, and by their spans at their end', () => {
  const { events, facts } = keyLogin();
  const made = builder();
  const sid = sessionRef(820, 300);
  applyAll(made, events.slice(0, 8));
  made.apply({ type: 'session-opened', connection: facts, session: sid, tsNs: at(300) });
  const markers = (ms: number): SpanRecord[] =>
    made.apply(tick(ms)).filter((span) => span.attributes['ssh.span.pending'] === true);
  assert.deepEqual(markers(2_214), []);
  const [connectionMarker, sessionMarker, ...more] = [...markers(2_215), ...markers(2_300), ...markers(60_000)];
  assert.equal(more.length, 0);
  const closing = applyAll(made, [
    told(facts, session(820, 300, 90_000)),
    { type: 'connection-closed', connection: facts, tsNs: at(90_000) },
  ]);
  const root = named(closing, 'ssh.connection');
  const own = named(closing, 'ssh.session');
  assert.equal(connectionMarker?.name, 'ssh.connection (open)');
  assert.equal(connectionMarker?.parentSpanId, root.spanId);
  assert.equal(sessionMarker?.name, 'ssh.session (open)');
  assert.equal(sessionMarker?.parentSpanId, own.spanId);
  assert.equal(sessionMarker?.attributes['ssh.session.id'], own.spanId);
  assert.equal(sessionMarker?.startNs, sessionMarker?.endNs);
  assert.equal(sessionMarker?.startNs, own.startNs);
  assert.equal(new Set([root, own, connectionMarker, sessionMarker].map((span) => span?.spanId)).size, 4);
});

test('what ended within 2 s has no marker, and markers can be switched off', () => {
  const { events, facts } = keyLogin();
  const opened: SessionEvent = {
    type: 'session-opened',
    connection: facts,
    session: sessionRef(820, 300),
    tsNs: at(300),
  };
  const upToSession = [...events.slice(0, 8), opened, ...events.slice(8, -1)];
  const pending = (made: SpanBuilder): string[] => {
    applyAll(made, upToSession);
    return made
      .apply(tick(5_000))
      .filter((span) => span.attributes['ssh.span.pending'])
      .map((span) => span.name);
  };
  assert.deepEqual(pending(builder()), ['ssh.connection (open)']);
  assert.deepEqual(pending(builder({ openMarkers: false })), []);
  const made = builder();
  applyAll(made, [...upToSession, ...events.slice(-1)]);
  assert.deepEqual(made.apply(tick(5_000)), []);
});
