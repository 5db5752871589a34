/** Spans from hand-made events, by the real builder. */
import assert from 'node:assert/strict';
import { noRedaction } from '../../agent/span/redactor.ts';
import { SpanBuilder } from '../../agent/span/span-builder.ts';
import type { SpanBuilderOptions } from '../../agent/span/span-builder-options.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { Activity, ConnectionFacts, SessionEvent } from '../../agent/sshd/session-event.ts';
import { at, connection, HOST, told } from './session-events.ts';

/** A builder with a key of zeros, and no redaction unless told otherwise, that knows its host. */
export function builder(options: Partial<SpanBuilderOptions> = {}): SpanBuilder {
  const made = new SpanBuilder({
    hostKey: new Uint8Array(32),
    redactor: noRedaction,
    agentVersion: '0.0.0',
    ...options,
  });
  made.apply({ type: 'host', host: HOST });
  return made;
}

export function applyAll(made: SpanBuilder, events: readonly SessionEvent[]): SpanRecord[] {
  return events.flatMap((event) => made.apply(event));
}

/** The spans of a connection that did these things and closed after 100 s; the root is the last. */
export function spansOf(
  facts: Partial<ConnectionFacts>,
  activities: readonly Activity[],
  options: Partial<SpanBuilderOptions> = {},
): SpanRecord[] {
  const own = connection({ endNs: at(100_000), ...facts });
  return applyAll(builder(options), [
    { type: 'connection-opened', connection: own, tsNs: at(0) },
    ...activities.map((activity) => told(own, activity)),
    { type: 'connection-closed', connection: own, tsNs: at(100_000) },
  ]);
}

/** The first span of that name. */
export function named(spans: readonly SpanRecord[], name: string): SpanRecord {
  const span = spans.find((each) => each.name === name);
  assert.ok(span, `no span ${name} among ${spans.map((each) => each.name).join(' ')}`);
  return span;
}
