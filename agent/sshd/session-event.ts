/**
 * What the sshd model tells: connections and the finished activities inside them. An activity is told once, when it has
 * ended, and never changes afterwards. `ConnectionFacts` is a live view that grows until the connection is closed.
 */
import type { CgroupPath, CutBytes, Endpoints, ProcessId } from '../decode/kernel-event.ts';
import type { FileFacts, FileTally } from './file-facts.ts';
import type { ForwardFacts } from './forward-facts.ts';
import type { KeyFacts } from './key-facts.ts';
import type { ExitFacts, ProgramFacts } from './program-facts.ts';

/** Where a fact was learned, strongest first. */
export type FactSource = 'monitor' | 'kernel' | 'environment' | 'log' | 'title' | 'command';

/** Who the time of a leaf was spent on: sshd and its helpers at work, or waiting for the client's next message. */
export type TimeOwner = 'server' | 'client';

/** Why a trace is not whole. */
export type IncompleteReason =
  | 'events_lost'
  | 'agent_attached_late'
  | 'stream_ended'
  | 'producer_restarted'
  | 'phase_signal_missing'
  | 'value_cut';

export type SpanKind =
  | 'connection'
  | 'handshake'
  | 'auth'
  | 'attempt'
  | 'helper'
  | 'setup'
  | 'session'
  | 'program'
  | 'forward'
  | 'file'
  | 'phase';

/**
 * Names a span inside its connection; the same activity has the same ref in every run. `key` parts: attempt: ordinal;
 * session: leader's pid and start; program and helper: pid, start, the kernel's exec number; forward: its
 * socket's cookie; file: pid, start, exec number, ordinal; phase: its name and ordinal; others none.
 */
export interface SpanRef {
  readonly kind: SpanKind;
  readonly key: readonly string[];
  /** When it began, boot ns: of what a connection may have any number of. No part of the name. */
  readonly startNs?: bigint | undefined;
}

/** What a span carries that may be of any length. */
export interface SpanTexts {
  readonly argv?: CutBytes | undefined;
  readonly others: readonly (CutBytes | undefined)[];
}

/** State of one SSH connection. Read it, never keep a copy: it grows until the connection is closed. */
export interface ConnectionFacts {
  /** The monitor: identity of the connection. */
  readonly id: ProcessId;
  readonly listener?: ProcessId | undefined;
  /** Of the monitor at the accept, or when it was first heard of. */
  readonly cgroup?: CgroupPath | undefined;
  /** Start of the monitor. */
  readonly startNs: bigint;
  /** Exit of the monitor. */
  readonly endNs?: bigint | undefined;
  /** Add to a boot time to get wall time; one per connection. */
  readonly wallOffsetNs: bigint;
  /** Process family, see `families.ts`. */
  readonly family?: 'A' | 'B' | 'C' | 'D' | undefined;
  readonly endpoints?: Endpoints | undefined;
  readonly user?: { readonly name: Uint8Array; readonly source: FactSource } | undefined;
  /** sshd knows the user and lets him try. */
  readonly userValid?: boolean | undefined;
  /** The user got in; without `authenticatedNs`: when is not known. */
  readonly authenticated: boolean;
  /** Events were lost, or the end was not seen, and nothing proves that the user did or did not get in; `authenticated` is false then. */
  readonly authUnknown: boolean;
  readonly authenticatedNs?: bigint | undefined;
  /** Methods of the attempts that let the user in, in order. */
  readonly authMethods: readonly string[];
  readonly key?: KeyFacts | undefined;
  /** What sshd judged, but for keys that it only called acceptable. All counts are lower bounds if `incomplete`. */
  readonly attempts: number;
  readonly failedAttempts: number;
  /** Keys that the client asked about and that would do; not attempts. */
  readonly queries: number;
  readonly sessions: number;
  /** Programs that ran in its sessions. */
  readonly programs: number;
  /** Forwards that began, told or not; absent: none. */
  readonly forwards?: number | undefined;
  readonly loginUid?: number | undefined;
  readonly auditSession?: number | undefined;
  /** Low-cardinality reason of the end, see `ends.ts`; absent if unknown. */
  readonly disconnectReason?: string | undefined;
  /** sshd itself failed (crash, killed): an error whatever the user did. */
  readonly serverFailed: boolean;
  readonly exit?: ExitFacts | undefined;
  readonly receivedBytes?: bigint | undefined;
  readonly sentBytes?: bigint | undefined;
  readonly retransmits?: number | undefined;
  readonly rttUs?: number | undefined;
  /** Where the time from accept to the first program went, ns. */
  readonly login?: LoginTime | undefined;
  readonly incomplete: ReadonlySet<IncompleteReason>;
  readonly lostEvents: number;
  /** Names of phases whose signal never came. */
  readonly missingPhases: readonly string[];
}

export interface LoginTime {
  readonly totalNs: bigint;
  readonly serverNs: bigint;
  readonly clientNs: bigint;
  /** Part of `serverNs`. */
  readonly authorizedKeysCommandNs: bigint;
}

interface ActivityBase {
  readonly ref: SpanRef;
  readonly parent: SpanRef;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** The end was not seen; `endNs` is the last moment at which it was known to run. */
  readonly endUnknown?: boolean | undefined;
  readonly incomplete?: readonly IncompleteReason[] | undefined;
}

/** `ssh.handshake`: accept to the first user name; `keyExchangeNs` to the first host key signature. */
export interface HandshakeActivity extends ActivityBase {
  readonly kind: 'handshake';
  readonly keyExchangeNs?: bigint | undefined;
}

/** `ssh.auth`: first user name to authenticated, given up or thrown out. */
export interface AuthActivity extends ActivityBase {
  readonly kind: 'auth';
  /** Absent where events were lost and none of them can be ruled out. */
  readonly result?: 'accepted' | 'rejected' | 'aborted' | undefined;
}

export type AttemptResult = 'acceptable' | 'accepted' | 'partial' | 'rejected' | 'bad_signature' | 'denied' | 'aborted';

export interface AttemptActivity extends ActivityBase {
  readonly kind: 'attempt';
  /** 1.. in order of the requests. */
  readonly ordinal: number;
  /** Name as in SSH: `publickey`, `password`, `keyboard-interactive`, …; absent if the request was lost. */
  readonly method?: string | undefined;
  /** The client only asked whether the key would do. Absent: the request was lost. */
  readonly query?: boolean | undefined;
  /** Absent where the answer was lost, or where success without a login has two explanations (root refused, or a step of several). */
  readonly result?: AttemptResult | undefined;
  /** Absent where it was lost, or cut. */
  readonly key?: KeyFacts | undefined;
  readonly source: FactSource;
  /** The beginning was not seen: `startNs` is the end of what went before. */
  readonly startUnknown?: boolean | undefined;
}

/** A leaf that only accounts for time. `name` is the whole span name, from the table in `phases.ts`. */
export interface PhaseActivity extends ActivityBase {
  readonly kind: 'phase';
  readonly name: string;
  /** Absent: both, in shares that are not known. */
  readonly owner?: TimeOwner | undefined;
}

/** `ssh.session.setup`: authenticated to the fork of the first session leader. */
export interface SetupActivity extends ActivityBase {
  readonly kind: 'setup';
}

export interface SessionActivity extends ActivityBase {
  readonly kind: 'session';
  readonly leader: ProcessId;
  readonly type?: 'shell' | 'exec' | 'subsystem' | undefined;
  readonly typeSource?: FactSource | undefined;
  readonly subsystem?: string | undefined;
  /** What runs: the command line of `-c`. */
  readonly command?: CutBytes | undefined;
  /** What the client asked for, where a forced command runs instead (`SSH_ORIGINAL_COMMAND`). */
  readonly requestedCommand?: CutBytes | undefined;
  /** `/dev/pts/0`; absent: no pty, or not known. */
  readonly tty?: string | undefined;
  readonly exit?: ExitFacts | undefined;
  /** `unknown`: events were lost, or the stream ended first; then so is the end. */
  readonly endedBy: 'leader' | 'connection' | 'unknown';
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly programs: number;
  /** Exact mode, where its server worked on files. */
  readonly files?: FileTally | undefined;
}

export interface ProgramActivity extends ActivityBase {
  readonly kind: 'program';
  readonly program: ProgramFacts;
  /** Session in which it ran, by its span; absent for what sshd itself runs outside of sessions. */
  readonly session?: SpanRef | undefined;
}

/** What sshd runs for itself: AuthorizedKeysCommand (and principals), PAM helpers, motd. Starts at the fork. */
export interface HelperActivity extends ActivityBase {
  readonly kind: 'helper';
  /** `helper`: outside of authentication and set-up, for instance when PAM closes the session. */
  readonly helper:
    | 'authorized_keys_command'
    | 'authorized_principals_command'
    | 'auth.helper'
    | 'setup.helper'
    | 'helper';
  readonly program: ProgramFacts;
}

/** A forward: from the attempt to connect, to listen, or what was accepted, to the close of the socket. */
export interface ForwardActivity extends ActivityBase, ForwardFacts {
  readonly kind: 'forward';
}

export interface FileActivity extends ActivityBase, FileFacts {
  readonly kind: 'file';
  readonly session?: SpanRef | undefined;
}

export type Activity =
  | HandshakeActivity
  | AuthActivity
  | AttemptActivity
  | PhaseActivity
  | SetupActivity
  | SessionActivity
  | ProgramActivity
  | HelperActivity
  | ForwardActivity
  | FileActivity;

/** The host and the producer, from the stream's `hello`. */
export interface HostFacts {
  readonly bootId: string;
  readonly machineId?: string | undefined;
  readonly hostName?: string | undefined;
  readonly producer: string;
  readonly producerVersion: string;
}

export type SessionEvent =
  | { readonly type: 'host'; readonly host: HostFacts }
  | {
      readonly type: 'connection-opened';
      readonly connection: ConnectionFacts;
      /** Open already: an earlier agent told so, and of the connection. */
      readonly sessions?: readonly SpanRef[] | undefined;
      readonly tsNs: bigint;
    }
  | { readonly type: 'authenticated'; readonly connection: ConnectionFacts; readonly tsNs: bigint }
  | {
      readonly type: 'session-opened';
      readonly connection: ConnectionFacts;
      readonly session: SpanRef;
      readonly tsNs: bigint;
    }
  /** A program or an open file: any number may be open at once, and each becomes an activity with these texts. */
  | {
      readonly type: 'began';
      readonly connection: ConnectionFacts;
      readonly ref: SpanRef;
      readonly texts: SpanTexts;
      readonly tsNs: bigint;
    }
  | {
      readonly type: 'activity';
      readonly connection: ConnectionFacts;
      readonly activity: Activity;
      readonly tsNs: bigint;
    }
  /** The monitor is gone (or the stream is): every activity but those of survivors was told before. */
  | { readonly type: 'connection-closed'; readonly connection: ConnectionFacts; readonly tsNs: bigint }
  /** Event time has reached `tsNs`. */
  | { readonly type: 'tick'; readonly tsNs: bigint };

/** Ref of a connection's root span. */
export const ROOT: SpanRef = { kind: 'connection', key: [] };
