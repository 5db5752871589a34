/** The state of one connection, and what it has to tell. Changed only by the parts of the sshd model. */
import type { AcceptEvent, CgroupPath, Endpoints, ExitEvent, ProcessId, TcpEvent } from '../decode/kernel-event.ts';
import { TCP } from '../decode/tcp-states.ts';
import { crashed, type ExitStatus, endReason } from './ends.ts';
import { type Family, type FamilyEvidence, familyOf } from './families.ts';
import type { KeyFacts } from './key-facts.ts';
import type { LogEnd } from './log-lines.ts';
import type { Phase } from './phases.ts';
import type { ExitFacts } from './program-facts.ts';
import type {
  Activity,
  ConnectionFacts,
  FactSource,
  IncompleteReason,
  LoginTime,
  SessionEvent,
  SpanRef,
} from './session-event.ts';

const NOTHING: readonly SessionEvent[] = [];
const WHOLE: ReadonlySet<IncompleteReason> = new Set();

/** Code and signal of an exit record as facts. */
export function exitFacts(event: ExitEvent): ExitFacts {
  return event.signal === 0 ? { code: event.code, core: false } : { signal: event.signal, core: event.core };
}

/** One connection; its public fields are the facts, the rest is how they are found. */
export class Connection implements ConnectionFacts {
  readonly id: ProcessId;
  readonly listener: ProcessId | undefined;
  readonly startNs: bigint;
  wallOffsetNs: bigint;
  endNs: bigint | undefined;
  endpoints: Endpoints | undefined;
  cgroup: CgroupPath | undefined;
  user: { readonly name: Uint8Array; readonly source: FactSource } | undefined;
  userValid: boolean | undefined;
  authenticated = false;
  authenticatedNs: bigint | undefined;
  authMethods: readonly string[] = [];
  key: KeyFacts | undefined;
  attempts = 0;
  failedAttempts = 0;
  queries = 0;
  sessions = 0;
  programs = 0;
  forwards = 0;
  loginUid: number | undefined;
  auditSession: number | undefined;
  disconnectReason: string | undefined;
  serverFailed = false;
  authUnknown = false;
  exit: ExitFacts | undefined;
  receivedBytes: bigint | undefined;
  sentBytes: bigint | undefined;
  retransmits: number | undefined;
  rttUs: number | undefined;
  login: LoginTime | undefined;
  incomplete: ReadonlySet<IncompleteReason> = WHOLE;
  lostEvents = 0;
  missingPhases: readonly string[] = [];

  /** Adopted while it was open: what happened before is not known, and no phase is invented. */
  readonly late: boolean;
  /** Seen first: `accept` to the last event, for what has no end of its own. */
  lastNs: bigint;
  readonly evidence: { -readonly [K in Exclude<keyof FamilyEvidence, 'lossy'>]: FamilyEvidence[K] } = {
    monitorImage: undefined,
    networkChildImage: undefined,
    privilegeSeparation: false,
    authWithoutNetworkChild: false,
  };
  logEnd: LogEnd | undefined;
  term = false;
  accountDenied = false;
  rootRefused = false;
  userSeen = false;
  networkChildExit: ExitStatus | undefined;
  userChildExit: ExitStatus | undefined;
  #tcpEnd: 'peer_closed' | 'we_closed' | 'reset' | undefined;
  #serverNs = 0n;
  #clientNs = 0n;
  #keysCommandNs = 0n;
  /** See `keepArgv`. */
  keptArgvBytes = 0;
  /** Phases told; it names them. */
  phases = 0;
  #told: SessionEvent[] = [];

  constructor(id: ProcessId, listener: ProcessId | undefined, wallOffsetNs: bigint, late: boolean, tsNs: bigint) {
    this.id = id;
    this.listener = listener;
    this.startNs = id.startNs;
    this.wallOffsetNs = wallOffsetNs;
    this.late = late;
    this.lastNs = tsNs;
    if (late) this.mark('agent_attached_late');
  }

  get family(): Family['name'] | undefined {
    return this.familyRow()?.name;
  }

  familyRow(): Family | undefined {
    return familyOf({ ...this.evidence, lossy: this.lossy });
  }

  /** Records up to this time may be missing; set while time has not passed it. */
  gapUntilNs: bigint | undefined;

  /** Events of it were lost. */
  get lossy(): boolean {
    return this.incomplete.has('events_lost');
  }

  /** `address port N` as sshd writes its peer into log lines. */
  peerText(): string | undefined {
    return this.endpoints === undefined ? undefined : `${this.endpoints.peer} port ${this.endpoints.peerPort}`;
  }

  /** Says that an activity has ended. */
  tell(activity: Activity, tsNs: bigint): void {
    this.#told.push({ type: 'activity', connection: this, activity, tsNs });
  }

  say(event: SessionEvent): void {
    this.#told.push(event);
  }

  /** What there is to tell since the last call. */
  take(): readonly SessionEvent[] {
    if (this.#told.length === 0) return NOTHING;
    const told = this.#told;
    this.#told = [];
    return told;
  }

  /** Tells a leaf; a stretch that is empty or goes backwards is none. */
  phase(phase: Phase, parent: SpanRef, startNs: bigint | undefined, endNs: bigint): void {
    if (startNs === undefined || endNs <= startNs) return;
    this.phases++;
    if (phase.owner !== undefined) this.spend(phase.owner, endNs - startNs);
    const ref: SpanRef = { kind: 'phase', key: [phase.name, String(this.phases)] };
    this.tell({ kind: 'phase', ref, parent, startNs, endNs, name: phase.name, owner: phase.owner }, endNs);
  }

  /** Adds to the account of the login, until the first program runs. */
  spend(owner: 'server' | 'client', ns: bigint): void {
    if (this.login !== undefined) return;
    if (owner === 'server') this.#serverNs += ns;
    else this.#clientNs += ns;
  }

  keysCommandRan(ns: bigint): void {
    if (this.login === undefined) this.#keysCommandNs += ns;
  }

  /** The first program runs: the login is over and its account closed. */
  firstProgram(tsNs: bigint): void {
    if (this.login !== undefined || this.late || this.lossy) return;
    this.login = {
      totalNs: tsNs - this.startNs,
      serverNs: this.#serverNs,
      clientNs: this.#clientNs,
      authorizedKeysCommandNs: this.#keysCommandNs,
    };
  }

  /** The moment of authentication; `proven` false: concluded from what only happens afterwards. */
  authenticate(tsNs: bigint, proven: boolean): void {
    if (this.authenticated) return;
    this.authenticated = true;
    if (proven) this.authenticatedNs = tsNs;
    else this.missing('authenticated');
    this.say({ type: 'authenticated', connection: this, tsNs });
  }

  /** Says that its trace is not whole. */
  mark(reason: IncompleteReason): void {
    if (!this.incomplete.has(reason)) this.incomplete = new Set([...this.incomplete, reason]);
  }

  missing(phase: string): void {
    if (this.late || this.missingPhases.includes(phase)) return;
    this.missingPhases = this.missingPhases.concat(phase);
    this.mark('phase_signal_missing');
  }

  accepted({ peer, peerPort, local, localPort, cgroupPath }: AcceptEvent): void {
    this.endpoints = { peer, peerPort, local, localPort };
    this.cgroup ??= cgroupPath;
  }

  tcp(event: TcpEvent): void {
    this.receivedBytes = event.receivedBytes ?? this.receivedBytes;
    this.sentBytes = event.sentBytes ?? this.sentBytes;
    this.retransmits = event.retransmits ?? this.retransmits;
    if (event.srttUs !== undefined && event.srttUs > 0) this.rttUs = event.srttUs;
    if (event.oldState !== TCP.established) return;
    if (event.newState === TCP.closeWait) this.#tcpEnd = 'peer_closed';
    else if (event.newState === TCP.finWait1) this.#tcpEnd = 'we_closed';
    else if (event.newState === TCP.close) this.#tcpEnd = 'reset';
  }

  /** The monitor has exited, or (`exit` undefined) the stream ended or the exit was not seen. */
  close(tsNs: bigint, exit: ExitEvent | undefined): void {
    this.endNs = tsNs;
    if (exit !== undefined) this.exit = exitFacts(exit);
    const evidence = {
      lossy: this.lossy || this.late,
      family: this.familyRow(),
      livedNs: tsNs - this.startNs,
      monitorImage: this.evidence.monitorImage,
      authenticated: this.authUnknown ? undefined : this.authenticated,
      userSeen: this.userSeen,
      judged: this.attempts + this.queries,
      log: this.logEnd,
      term: this.term,
      accountDenied: this.accountDenied,
      monitor: exit,
      networkChild: this.networkChildExit,
      userChild: this.userChildExit,
      tcp: this.#tcpEnd,
    };
    this.disconnectReason = endReason(evidence);
    this.serverFailed = crashed(evidence);
    this.say({ type: 'connection-closed', connection: this, tsNs });
  }
}
