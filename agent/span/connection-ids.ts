/** Ids of one connection's spans, and what its spans must agree about among themselves. */
import type { ProcessId } from '../decode/kernel-event.ts';
import { type Activity, type AuthActivity, ROOT, type SpanRef } from '../sshd/session-event.ts';
import { type IdKey, spanId, traceId } from './span-ids.ts';

/** Ids kept at hand; parents repeat, and an id costs two microseconds. */
const MAX_CACHED_IDS = 256;
/** Starts kept; all but programs, of which a connection may have any number. */
const MAX_STARTS = 1024;

export class ConnectionIds {
  readonly #key: IdKey;
  /** Trace of the connection. */
  readonly traceId: string;
  /** What every span carries as `ssh.connection.id`: the id of the connection's first trace. */
  readonly connectionId: string;
  /** Span id of the root. */
  readonly rootId: string;
  /** By kind and key. */
  readonly #ids = new Map<string, string>();
  /** Starts of spans that may have children, boot ns, so that no child is told to start before its parent. */
  readonly #starts = new Map<string, bigint>();
  /** Highest ordinal of what sshd judged, 0 for none; a key that it only called acceptable decides nothing. */
  lastAttempt = 0;
  /** How authentication ended, once its span was told. */
  authResult: AuthActivity['result'];

  constructor(key: IdKey, bootId: string, monitor: ProcessId) {
    this.#key = key;
    this.traceId = traceId(key, bootId, monitor, 0);
    this.connectionId = this.traceId;
    this.rootId = spanId(key, this.traceId, ROOT);
  }

  /** Call it once for each activity, when it is told. */
  remember(activity: Activity): void {
    if (activity.kind === 'attempt' && activity.result !== 'acceptable' && activity.ordinal > this.lastAttempt) {
      this.lastAttempt = activity.ordinal;
    }
    if (activity.kind === 'auth') this.authResult = activity.result;
    if (activity.kind === 'program' || activity.kind === 'phase' || this.#starts.size >= MAX_STARTS) return;
    this.#starts.set(nameOf(activity.ref), activity.startNs);
  }

  of(ref: SpanRef): string {
    if (ref.kind === 'connection') return this.rootId;
    const name = nameOf(ref);
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = spanId(this.#key, this.traceId, ref);
    if (this.#ids.size >= MAX_CACHED_IDS) this.#ids.clear();
    this.#ids.set(name, id);
    return id;
  }

  /** Start of a span that was told already, boot ns; absent for programs and for what has not ended. */
  startOf(ref: SpanRef): bigint | undefined {
    return this.#starts.get(nameOf(ref));
  }
}

function nameOf(ref: SpanRef): string {
  return [ref.kind, ...ref.key].join('\0');
}
