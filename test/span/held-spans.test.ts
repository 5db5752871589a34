import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionEvent } from '../../agent/sshd/session-event.ts';
import { at, bytes, connection, lived, program, programRef, sessionRef } from '../helpers/session-events.ts';
import { applyAll, builder } from '../helpers/spans.ts';

/** Programs one after the other, a millisecond each. */
function burst(count: number, args: readonly string[]): { events: SessionEvent[]; close: SessionEvent } {
  const facts = connection({ authenticated: true, user: { name: bytes('ada'), source: 'monitor' } });
  const session = sessionRef(820, 10);
  const events = Array.from({ length: count }, (_unused, i) =>
    lived(facts, program(1_000 + i, 100 + i, 101 + i, programRef(820, 10), session, args)),
  ).flat();
  facts.endNs = at(100 + count);
  return { events, close: { type: 'connection-closed', connection: facts, tsNs: facts.endNs } };
}

test('a connection holds no more spans than it may, and no more bytes of arguments; the oldest leave first', () => {
  for (const [options, args, most] of [
    [{ maxHeldSpans: 10 }, ['true'], 10],
    [{ maxHeldBytes: 1_000_000 }, ['cc', 'x'.repeat(190_000)], 4],
  ] as const) {
    const made = builder({ ...options, openMarkers: false });
    const { events, close } = burst(50, args);
    const early = applyAll(made, events);
    assert.ok(made.held <= most && made.held > 1, `${made.held} held`);
    assert.equal(early.length, 50 - made.held);
    const spans = [...early, ...made.apply(close)].filter(({ root }) => !root);
    assert.deepEqual(
      spans.map(({ attributes }) => attributes['process.pid']),
      Array.from({ length: 50 }, (_unused, i) => 1_000 + i),
    );
    assert.equal(made.held, 0);
  }
});
