/**
 * Session events in, finished spans out. A span is told once and never again: back ends keep whichever version of an id
 * they saw first. So spans wait a little, until what they should carry is known:
 *
 * - before authentication until the user is in, or gone, or 120 s have passed: then they can name him;
 * - afterwards 2 s, so that a short connection leaves whole, root and all, in one request: Tempo searches block by block;
 * - no longer than until the connection ends. Its root is the last, and the only span without a parent;
 * - what outlives its connection is told at its own end.
 *
 * All waiting is by event time, so a replay tells the same spans in the same order. State changes only in `apply`.
 */
import {
  type Activity,
  type ConnectionFacts,
  type HostFacts,
  ROOT,
  type SessionEvent,
  type SpanRef,
  type SpanTexts,
} from '../sshd/session-event.ts';
import { ConnectionIds } from './connection-ids.ts';
import { type ConnectionState, type Held, isStillOpen, newState, type Open } from './connection-state.ts';
import type { SavedIds } from './earlier-run.ts';
import { Fifo } from './fifo.ts';
import { HeldSpans } from './held-spans.ts';
import { MAX_ARGV_BYTES } from './limits.ts';
import { isOpenRef, openMarker } from './open-markers.ts';
import { redactorFor } from './redactor.ts';
import { resourceOf } from './resource.ts';
import { MAX_SEGMENT_BYTES } from './segments.ts';
import { activitySpan, mayBeIn } from './span-assembly.ts';
import type { SpanBuilderOptions } from './span-builder-options.ts';
import { encodedBytes, mostActivityBytes, mostBytes } from './span-bytes.ts';
import { type IdKey, idKey } from './span-ids.ts';
import type { ResourceRecord, SpanRecord } from './span-record.ts';
import { countBytes, tellRoots } from './trace-roots.ts';
import { UnauthenticatedBudget, type UnauthenticatedCounters } from './unauthenticated-budget.ts';

const NS_PER_MS = 1_000_000n;

export class SpanBuilder {
  readonly #options: SpanBuilderOptions;
  readonly #key: IdKey;
  readonly #budget: UnauthenticatedBudget;
  readonly #holdBeforeAuthNs: bigint;
  readonly #maxArgvBytes: number;
  /** When the stream began, boot ns; connections that are older were open before, or are not known. */
  #beganNs: bigint | undefined;
  /** Part of every trace id: two boots may give the same pid and start. */
  #bootId = '';
  #resource: ResourceRecord | undefined;
  /** By the model's own object, so that a connection's state lives as long as the model remembers it, survivors included. */
  readonly #states = new WeakMap<ConnectionFacts, ConnectionState>();
  readonly #held: HeldSpans;
  /** What began to be open, oldest first. */
  readonly #open = new Fifo<Open>();
  /** Connections that wait for their user, soonest deadline first. */
  readonly #unknown = new Map<ConnectionState, bigint>();

  /** @throws RangeError if the host key isn't 32 bytes. */
  constructor(options: SpanBuilderOptions) {
    this.#options = options;
    this.#key = idKey(options.hostKey);
    this.#budget = new UnauthenticatedBudget(this.#key, options.unauthenticated);
    this.#held = new HeldSpans(options);
    this.#holdBeforeAuthNs = BigInt(options.holdBeforeAuthMs ?? 120_000) * NS_PER_MS;
    this.#maxArgvBytes = options.maxArgvBytes ?? MAX_ARGV_BYTES;
  }

  /** Of the host that the stream comes from; absent before its first event. */
  get resource(): ResourceRecord | undefined {
    return this.#resource;
  }

  /** The stream began at this boot time. Only the first call counts: later ones are of producers that came back. */
  began(tsNs: bigint): void {
    this.#beganNs ??= tsNs;
  }

  /** Finished activities that wait to be told. */
  get held(): number {
    return this.#held.count;
  }

  get summarized(): UnauthenticatedCounters {
    return this.#budget.counters;
  }

  /** Nothing more is to come: tells what only waited for that. */
  end(): readonly SpanRecord[] {
    return this.#budget.end();
  }

  /** The agent is stopped: tells what is finished, and leaves what is open to the next one. */
  suspend(tsNs: bigint): SpanRecord[] {
    const spans: SpanRecord[] = [];
    for (let held = this.#held.due(); held !== undefined; held = this.#held.due()) this.#release(held, tsNs, spans);
    for (const state of this.#unknown.keys()) for (const held of state.held.keys()) this.#release(held, tsNs, spans);
    return [...spans, ...this.end()];
  }

  /** Where the ids of connections stand, after `suspend`. */
  save(connections: readonly ConnectionFacts[]): SavedIds[] {
    return connections.flatMap((connection) => {
      const state = this.#states.get(connection);
      return state === undefined ? [] : [{ ...state.ids.save(), excluded: state.excluded }];
    });
  }

  /** Spans that are finished now. All that wait longer are in the answers to later events. */
  apply(event: SessionEvent): SpanRecord[] {
    switch (event.type) {
      case 'host':
        this.#setHost(event.host);
        return [];
      case 'connection-opened':
        this.#stateOf(event.connection, event.tsNs);
        return [];
      case 'session-opened':
        this.#opened(event.connection, event.session, event.tsNs);
        return [];
      case 'authenticated':
        this.#userKnown(this.#stateOf(event.connection, event.tsNs), event.tsNs);
        this.#opened(event.connection, ROOT, event.tsNs);
        return [];
      case 'began':
        return this.#began(event.connection, event.ref, event.texts, event.tsNs);
      case 'activity':
        return this.#finish(event.connection, event.activity, event.tsNs);
      case 'connection-closed':
        return this.#close(event.connection, event.tsNs);
      case 'tick':
        return this.#tick(event.tsNs);
    }
  }

  #setHost(host: HostFacts): void {
    this.#bootId = host.bootId;
    this.#budget.setBoot(host.bootId);
    this.#resource = resourceOf(host, this.#options.agentVersion);
  }

  #stateOf(connection: ConnectionFacts, tsNs: bigint): ConnectionState {
    const known = this.#states.get(connection);
    if (known !== undefined) return known;
    const saved = this.#options.earlier?.ids(this.#bootId, connection.id);
    const resumed = saved?.resumed ?? this.#options.earlier?.resumed(this.#bootId, connection, this.#beganNs);
    const maxBytes = this.#options.maxSegmentBytes ?? MAX_SEGMENT_BYTES;
    const ids = new ConnectionIds(this.#key, this.#bootId, connection.id, maxBytes, resumed);
    if (saved !== undefined) ids.restore(saved);
    const state = newState(ids, connection, saved);
    this.#states.set(connection, state);
    if (state.phase === 'new') this.#unknown.set(state, tsNs + this.#holdBeforeAuthNs);
    return state;
  }

  /** From here on the connection's spans wait their usual time, also those that waited for the user. */
  #userKnown(state: ConnectionState, tsNs: bigint): void {
    if (state.phase !== 'new') return;
    state.phase = 'known';
    this.#unknown.delete(state);
    this.#held.again(state, tsNs);
  }

  #opened(connection: ConnectionFacts, ref: SpanRef, tsNs: bigint): void {
    const state = this.#stateOf(connection, tsNs);
    if (state.phase === 'closed' || this.#options.openMarkers === false || !isOpenRef(ref)) return;
    if (ref.kind === 'session') state.sessions.add(state.ids.sessionId(ref));
    this.#open.push({ connection, state, ref, beganNs: tsNs });
  }

  #began(connection: ConnectionFacts, ref: SpanRef, texts: SpanTexts, tsNs: bigint): SpanRecord[] {
    const state = this.#stateOf(connection, tsNs);
    const bytes = mostBytes(texts, this.#maxArgvBytes);
    return countBytes(connection, state, state.ids.segments.of(ref), bytes, tsNs);
  }

  #finish(connection: ConnectionFacts, activity: Activity, tsNs: bigint): SpanRecord[] {
    const state = this.#stateOf(connection, tsNs);
    state.ids.remember(activity);
    if (activity.kind === 'session') state.sessions.delete(state.ids.sessionId(activity.ref));
    const bytes = mostActivityBytes(activity, this.#maxArgvBytes);
    const { kind, ref, parent } = activity;
    const counted = kind === 'program' || kind === 'file';
    const segment = state.ids.segmentOf(ref, parent);
    const spans = counted ? [] : countBytes(connection, state, segment, bytes, tsNs);
    if (state.phase === 'closed') {
      this.#build(connection, state, activity, bytes, tsNs, spans);
      return spans;
    }
    this.#held.add(connection, state, activity, bytes, tsNs);
    for (let held = this.#held.excess(state); held !== undefined; held = this.#held.excess(state))
      this.#release(held, tsNs, spans);
    return spans;
  }

  #close(connection: ConnectionFacts, tsNs: bigint): SpanRecord[] {
    const state = this.#stateOf(connection, tsNs);
    if (state.phase === 'closed') return [];
    state.phase = 'closed';
    this.#unknown.delete(state);
    const untold = !state.told && !state.ids.isResumed && !mayBeIn(connection);
    if (untold && !this.#isExcluded(connection, state)) state.excluded = this.#budget.takes(connection, tsNs);
    const spans: SpanRecord[] = [];
    for (const held of state.held.keys()) this.#release(held, tsNs, spans);
    if (this.#isExcluded(connection, state)) return [];
    spans.push(...tellRoots(connection, state, tsNs));
    return spans;
  }

  #tick(tsNs: bigint): SpanRecord[] {
    const spans: SpanRecord[] = [];
    spans.push(...this.#budget.due(tsNs));
    for (const [state, releaseNs] of this.#unknown) {
      if (releaseNs > tsNs) break;
      this.#unknown.delete(state);
      // What is told of it now could no longer be left to a summary.
      const [first] = state.held.keys();
      if (first !== undefined && this.#budget.isSpent(first.connection)) {
        this.#unknown.set(state, tsNs + this.#holdBeforeAuthNs);
        continue;
      }
      state.phase = 'known';
      for (const held of state.held.keys()) this.#release(held, tsNs, spans);
    }
    for (let open = this.#open.peek(); open !== undefined; open = this.#open.peek()) {
      const { connection, state, ref, beganNs } = open;
      if (beganNs + this.#held.holdNs > tsNs) break;
      this.#open.shift();
      if (isStillOpen(open) && !this.#isExcluded(connection, state))
        spans.push(openMarker(ref, connection, state.ids, beganNs));
    }
    for (let held = this.#held.due(tsNs); held !== undefined; held = this.#held.due(tsNs))
      this.#release(held, tsNs, spans);
    return spans;
  }

  #release(held: Held, tsNs: bigint, out: SpanRecord[]): void {
    const activity = this.#held.take(held);
    if (activity !== undefined) this.#build(held.connection, held.state, activity, held.bytes, tsNs, out);
  }

  /** One span; `counted` is what was counted for it. */
  #build(
    connection: ConnectionFacts,
    state: ConnectionState,
    activity: Activity,
    counted: number,
    tsNs: bigint,
    out: SpanRecord[],
  ): void {
    if (this.#isExcluded(connection, state)) return;
    state.told = true;
    const { ids } = state;
    const place = ids.place(activity.ref, activity.parent);
    const span = activitySpan(activity, place, ids, {
      connection,
      closed: state.phase === 'closed',
      redactor: redactorFor(this.#options.redactor, connection.user?.name),
      maxArgvBytes: this.#maxArgvBytes,
    });
    out.push(span);
    out.push(...countBytes(connection, state, place.segment, encodedBytes(span) - counted, tsNs));
  }

  #isExcluded(connection: ConnectionFacts, state: ConnectionState): boolean {
    state.excluded ??= this.#options.exclusion?.connection(connection) ?? false;
    return state.excluded;
  }
}
