/** Ids of one connection's spans, and what its spans must agree about among themselves. */
import type { ProcessId } from '../decode/kernel-event.ts';
import { type Activity, type AuthActivity, ROOT, type SpanRef } from '../sshd/session-event.ts';
import type { Resumed, SavedIds } from './earlier-run.ts';
import { Segments } from './segments.ts';
import { type IdKey, spanId, traceId } from './span-ids.ts';

/** Ids of parents kept at hand: an id costs one and a half microseconds. */
const MAX_CACHED_IDS = 256;
/** Starts kept; all but programs, of which a connection may have any number, and what has no children. */
const MAX_STARTS = 1024;
const CHILDLESS: ReadonlySet<Activity['kind']> = new Set(['program', 'phase', 'file']);

/** Where a span stands: its trace, itself, and what it hangs on there. */
export interface Place {
  readonly segment: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** The span that it would hang on, if that were not in an earlier trace of the connection. */
  readonly remoteParent?: { readonly traceId: string; readonly spanId: string } | undefined;
}

export class ConnectionIds {
  readonly #key: IdKey;
  readonly #bootId: string;
  readonly #monitor: ProcessId;
  readonly segments: Segments;
  readonly #resumed: Resumed | undefined;
  /** Ids of sessions that began before the agent did, by name. */
  #earlierSessions: Map<string, string> | undefined;
  /** Trace ids by segment. Most connections have one, and an empty array makes room for 17 at once. */
  readonly #traces: (string | undefined)[] = [undefined];
  /** Ids of the roots by segment. */
  readonly #roots: (string | undefined)[] = [undefined];
  /** Ids of spans that others hang on and that were not told yet, so that an id is made once and not for each child. */
  readonly #parents = new Map<SpanRef, string>();
  /** Starts of spans that may have children, boot ns, so that no child is told to start before its parent. */
  readonly #starts = new Map<string, bigint>();
  /** Highest ordinal of what sshd judged, 0 for none; a key that it only called acceptable decides nothing. */
  lastAttempt = 0;
  /** How authentication ended, once its span was told. */
  authResult: AuthActivity['result'];

  constructor(key: IdKey, bootId: string, monitor: ProcessId, maxSegmentBytes: number, resumed?: Resumed) {
    this.#key = key;
    this.#bootId = bootId;
    this.#monitor = monitor;
    this.#resumed = resumed;
    this.segments = new Segments(maxSegmentBytes, resumed === undefined ? undefined : monitor.startNs);
  }

  /** Goes on where `save` was called. */
  restore(saved: SavedIds): void {
    this.segments.restore(saved.segmentStarts, saved.segmentBytes);
    for (const [name, startNs] of saved.starts) this.#starts.set(name, startNs);
    this.lastAttempt = saved.lastAttempt;
    this.authResult = saved.authResult;
  }

  save(): Omit<SavedIds, 'excluded'> {
    const { lastAttempt, authResult } = this;
    const own = { connection: this.#monitor, starts: new Map(this.#starts), resumed: this.#resumed };
    return { ...this.segments.save(), ...own, lastAttempt, authResult };
  }

  /** What every span carries as `ssh.connection.id`: the id of the connection's first trace. */
  get connectionId(): string {
    return this.traceOf(0);
  }

  /** Call it once for each activity, when it is told. */
  remember(activity: Activity): void {
    if (activity.kind === 'attempt' && activity.result !== 'acceptable' && activity.ordinal > this.lastAttempt) {
      this.lastAttempt = activity.ordinal;
    }
    if (activity.kind === 'auth') this.authResult = activity.result;
    if (CHILDLESS.has(activity.kind) || this.#starts.size >= MAX_STARTS) return;
    this.#starts.set(nameOf(activity.ref), activity.startNs);
  }

  /** Segment of a span: a leaf that only accounts for time is where its parent is. */
  segmentOf(ref: SpanRef, parent: SpanRef): number {
    return this.segments.of(ref.kind === 'phase' ? parent : ref);
  }

  place(ref: SpanRef, parent: SpanRef): Place {
    const parentSegment = this.segments.of(parent);
    const segment = this.segmentOf(ref, parent);
    const same = segment === parentSegment;
    return {
      segment,
      traceId: this.traceOf(segment),
      spanId: this.#own(ref, segment),
      parentSpanId: same ? this.#parent(parent, segment) : this.rootOf(segment),
      remoteParent:
        same || parent.kind === 'connection'
          ? undefined
          : { traceId: this.traceOf(parentSegment), spanId: this.#parent(parent, parentSegment) },
    };
  }

  /** What carries as `ssh.session.id` whatever ran in a session: the id of the session's span, in whichever trace. */
  sessionId(session: SpanRef): string {
    const resumed = this.#resumed;
    if (resumed === undefined || BigInt(session.key[1] ?? '0') >= resumed.atNs)
      return this.#parent(session, this.segments.of(session));
    const name = nameOf(session);
    this.#earlierSessions ??= new Map();
    const id = this.#earlierSessions.get(name) ?? spanId(this.#key, this.traceOf(0), session);
    this.#earlierSessions.set(name, id);
    return id;
  }

  /** An earlier agent may have told of the connection, and ended without notice. */
  get isResumed(): boolean {
    return this.#resumed !== undefined;
  }

  /** What a segment is called: those after a crash count on from the time when the agent began again. */
  numberOf(segment: number): number {
    return segment === 0 || this.#resumed === undefined ? segment : this.#resumed.number + segment - 1;
  }

  traceOf(segment: number): string {
    const known = this.#traces[segment];
    if (known !== undefined) return known;
    const id = traceId(this.#key, this.#bootId, this.#monitor, this.numberOf(segment));
    this.#traces[segment] = id;
    return id;
  }

  rootOf(segment: number): string {
    const known = this.#roots[segment];
    if (known !== undefined) return known;
    const id = spanId(this.#key, this.traceOf(segment), ROOT);
    this.#roots[segment] = id;
    return id;
  }

  /** Start of a span that was told already, boot ns; absent for programs and for what has not ended. */
  startOf(ref: SpanRef): bigint | undefined {
    return ref.kind === 'program' || ref.kind === 'connection' ? undefined : this.#starts.get(nameOf(ref));
  }

  /** Id of a span that is told now; most of what hangs on it was told before. */
  #own(ref: SpanRef, segment: number): string {
    const known = this.#parents.get(ref);
    if (known === undefined) return spanId(this.#key, this.traceOf(segment), ref);
    this.#parents.delete(ref);
    return known;
  }

  /** Id of a span that another one names; `segment` is the one that it belongs to. */
  #parent(ref: SpanRef, segment: number): string {
    if (ref.kind === 'connection') return this.rootOf(segment);
    const known = this.#parents.get(ref);
    if (known !== undefined) return known;
    const id = spanId(this.#key, this.traceOf(segment), ref);
    if (this.#parents.size >= MAX_CACHED_IDS) this.#parents.clear();
    this.#parents.set(ref, id);
    return id;
  }
}

function nameOf(ref: SpanRef): string {
  return ref.key.length === 0 ? ref.kind : `${ref.kind}\0${ref.key.join('\0')}`;
}
