import type { EarlierRun } from './earlier-run.ts';
import type { Exclusion } from './exclusion.ts';
import type { Redactor } from './redactor.ts';
import type { UnauthenticatedLimits } from './unauthenticated-budget.ts';

export interface SpanBuilderOptions {
  /** 32 bytes; all ids depend on it. */
  readonly hostKey: Uint8Array;
  readonly redactor: Redactor;
  /** Told as `telemetry.distro.version`. */
  readonly agentVersion: string;
  /** How long a finished span waits for its connection's end. Default 2000. */
  readonly holdMs?: number;
  /** How long spans wait for the user, counted from the connection's start. Default 120000, as sshd's LoginGraceTime. */
  readonly holdBeforeAuthMs?: number;
  /** UTF-8 bytes of an argument vector. Default 65536. */
  readonly maxArgvBytes?: number;
  /** Spans of one connection that may wait; beyond, the oldest leaves early. Default 10000. */
  readonly maxHeldSpans?: number;
  /** The same in bytes: of the spans, and of the arguments as they came. Default 16 MiB. */
  readonly maxHeldBytes?: number;
  /** Encoded bytes after which a connection goes on in another trace. Default 4000000. */
  readonly maxSegmentBytes?: number;
  /** Tell of connections and sessions that are still open after `holdMs`. Default true. */
  readonly openMarkers?: boolean;
  /** How much to tell one by one of who never got in. Default all. */
  readonly unauthenticated?: UnauthenticatedLimits | undefined;
  /** The agent that ran before this one, if the host has not booted since. */
  readonly earlier?: EarlierRun | undefined;
  /** Connections to say nothing of. */
  readonly exclusion?: Exclusion | undefined;
}
