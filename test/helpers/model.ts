/** Runs events through the process table and the sshd model, and groups what they tell by connection. */
import { createHash } from 'node:crypto';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { ProcessTable } from '../../agent/process/process-table.ts';
import type { Activity, ConnectionFacts, SessionEvent, SpanRef } from '../../agent/sshd/session-event.ts';
import { SshdModel } from '../../agent/sshd/sshd-model.ts';

export interface ToldConnection {
  readonly facts: ConnectionFacts;
  readonly activities: Activity[];
  closed: boolean;
}

export interface Told {
  readonly events: SessionEvent[];
  readonly connections: ToldConnection[];
  /** Nothing may be left once every process has exited. */
  readonly left: { readonly connections: number; readonly processes: number };
}

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** Events of a whole stream. */
export function decodeAll(stream: Uint8Array): KernelEvent[] {
  const decoder = new StreamDecoder();
  return [...decoder.push(stream), ...decoder.end()];
}

/** What the model tells of these events; `endStream` false leaves what is open untold. */
export function tell(kernelEvents: readonly KernelEvent[], endStream = true): Told {
  const table = new ProcessTable();
  const model = new SshdModel({ sha256 });
  const events: SessionEvent[] = [];
  for (const event of kernelEvents) for (const change of table.apply(event)) events.push(...model.apply(change));
  const left = { connections: model.connections, processes: model.processes };
  if (endStream) events.push(...model.end());
  const byFacts = new Map<ConnectionFacts, ToldConnection>();
  for (const event of events) {
    if (event.type === 'host' || event.type === 'tick') continue;
    let told = byFacts.get(event.connection);
    if (told === undefined) {
      told = { facts: event.connection, activities: [], closed: false };
      byFacts.set(event.connection, told);
    }
    if (event.type === 'activity') told.activities.push(event.activity);
    if (event.type === 'connection-closed') told.closed = true;
  }
  return { events, connections: [...byFacts.values()], left };
}

/** Activities of one kind, in order of their start. */
export function ofKind<K extends Activity['kind']>(told: ToldConnection, kind: K): Extract<Activity, { kind: K }>[] {
  const found = told.activities.filter((a): a is Extract<Activity, { kind: K }> => a.kind === kind);
  return found.sort((a, b) => Number(a.startNs - b.startNs));
}

export const refText = (ref: SpanRef): string => [ref.kind, ...ref.key].join(' ');

/** argv as text, one space between. */
export function argvText(argv: { readonly bytes: Uint8Array } | undefined): string {
  return argv === undefined ? '' : new TextDecoder().decode(argv.bytes).replace(/\0$/, '').replaceAll('\0', ' ');
}
