/**
 * Names of metrics and of what they are told apart by, and nothing else: the only place that spells them.
 * `docs/metrics.md` is made from it, and a test compares the two. No metric ever tells a user, an address, a command or a
 * host key: those make a series each, and strangers choose them.
 */
import { ATTR } from '../span/attributes.ts';

export interface MetricSpec {
  /** `counter` only grows; `level` is what there is now; `histogram` counts values by size. */
  readonly kind: 'counter' | 'level' | 'histogram';
  /** As UCUM writes it, or a count of things in braces. */
  readonly unit: string;
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
  readonly attributes: readonly string[];
  /** One sentence without a full stop. */
  readonly help: string;
}

/** As the semantic conventions advise for requests, and two more for people who type. */
const SHORT_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 120] as const;
/** From `true` to a build that takes all day. */
const COMMAND_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3_600, 86_400] as const;
/** A second to a day. */
const LONG_S = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400] as const;

/** Attributes of metrics that spans do not have. */
export const METRIC_ATTR = {
  direction: 'network.io.direction',
  reason: 'sshd_otel.reason',
} as const;

export const METRICS = {
  'ssh.server.auth.attempts': {
    kind: 'counter',
    unit: '{attempt}',
    attributes: [ATTR.authMethod, ATTR.authResult],
    help: 'what sshd judged; a key that the client asked about and that would not do is one, as sshd counts it',
  },
  'ssh.server.auth.queries': {
    kind: 'counter',
    unit: '{query}',
    attributes: [ATTR.authMethod],
    help: 'keys that the client asked about and that would do; no attempts',
  },
  'ssh.server.auth.duration': {
    kind: 'histogram',
    unit: 's',
    buckets: SHORT_S,
    attributes: [ATTR.authMethod, ATTR.authResult],
    help: 'first user name to let in, given up or thrown out; the method is that of who got in',
  },
  'ssh.server.authorized_keys_command.duration': {
    kind: 'histogram',
    unit: 's',
    buckets: SHORT_S,
    attributes: [ATTR.errorType],
    help: 'fork to exit of AuthorizedKeysCommand',
  },
  'ssh.server.login.duration': {
    kind: 'histogram',
    unit: 's',
    buckets: SHORT_S,
    attributes: [ATTR.spentBy],
    help: 'accept to the first program, as two values for each login: what the server took and what the client took',
  },
  'ssh.server.connection.duration': {
    kind: 'histogram',
    unit: 's',
    buckets: LONG_S,
    attributes: [ATTR.authResult, ATTR.disconnectReason, ATTR.errorType],
    help: 'of connections that have ended; its count is that of connections',
  },
  'ssh.server.active_connections': {
    kind: 'level',
    unit: '{connection}',
    attributes: [],
    help: 'open now, let in or not',
  },
  'ssh.server.active_sessions': { kind: 'level', unit: '{session}', attributes: [], help: 'open now' },
  'ssh.server.sessions': {
    kind: 'counter',
    unit: '{session}',
    attributes: [ATTR.sessionType],
    help: 'sessions that have ended',
  },
  'ssh.server.commands': {
    kind: 'counter',
    unit: '{command}',
    attributes: [ATTR.errorType],
    help: 'programs of sessions that have ended or were replaced by another one',
  },
  'ssh.server.command.duration': {
    kind: 'histogram',
    unit: 's',
    buckets: COMMAND_S,
    attributes: [ATTR.errorType],
    help: 'exec to end of such programs, where both were seen',
  },
  'ssh.server.network.io': {
    kind: 'counter',
    unit: 'By',
    attributes: [METRIC_ATTR.direction],
    help: 'bytes of connections that have ended, as TCP counts them',
  },
  'sshd_otel.events.received': { kind: 'counter', unit: '{event}', attributes: [], help: 'records of the producer' },
  'sshd_otel.events.lost': {
    kind: 'counter',
    unit: '{event}',
    attributes: [METRIC_ATTR.reason],
    help: '`announced`: the producer says that it lost them; `gap`: missing by their numbers and not announced before',
  },
  'sshd_otel.events.late': {
    kind: 'counter',
    unit: '{event}',
    attributes: [],
    help: 'records that came too late to be put in order',
  },
  'sshd_otel.events.rejected': { kind: 'counter', unit: '{event}', attributes: [], help: 'lines that are no records' },
  'sshd_otel.spans.made': { kind: 'counter', unit: '{span}', attributes: [], help: 'finished spans' },
  'sshd_otel.spans.held': {
    kind: 'level',
    unit: '{span}',
    attributes: [],
    help: 'finished spans that wait for their connection to say more',
  },
  'sshd_otel.connections.summarized': {
    kind: 'counter',
    unit: '{connection}',
    attributes: [],
    help: 'connections that never authenticated and are told by a summary only; `ssh.server.connection.duration` has them too',
  },
  'sshd_otel.summaries': { kind: 'counter', unit: '{span}', attributes: [], help: 'summary spans that tell of them' },
  'sshd_otel.spans.exported': { kind: 'counter', unit: '{span}', attributes: [], help: 'taken by the collector' },
  'sshd_otel.spans.dropped': {
    kind: 'counter',
    unit: '{span}',
    attributes: [METRIC_ATTR.reason],
    help: '`refused` by the collector, `queue` full or waited too long, `invalid`, not delivered in `time` at the end',
  },
  'sshd_otel.spans.queued': { kind: 'level', unit: '{span}', attributes: [], help: 'wait for the collector' },
  'sshd_otel.spans.queued_size': {
    kind: 'level',
    unit: 'By',
    attributes: [],
    help: 'estimated bytes of the spans that wait',
  },
  'sshd_otel.export.requests': { kind: 'counter', unit: '{request}', attributes: [], help: 'requests with spans' },
  'sshd_otel.export.failures': {
    kind: 'counter',
    unit: '{request}',
    attributes: [],
    help: 'requests that the collector did not take',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof METRICS;

export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

/** The row of a metric, its optional columns readable. */
export function metricSpec(name: MetricName): MetricSpec {
  return METRICS[name];
}

/** One value: what a counter grew by, what a level or an accumulated count is, what a histogram takes in. */
export interface Measurement {
  readonly name: MetricName;
  readonly value: number;
  /** Only names of the metric's row; what is not known is absent. */
  readonly attributes: Readonly<Record<string, string>>;
}
