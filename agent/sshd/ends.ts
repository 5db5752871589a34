/**
 * Why a connection ended, from exit codes, messages, sockets and log lines. A table read from the top: the first row that
 * fits names the reason; if none fits, the reason is not known and stays absent.
 */
import type { ExitEvent } from '../decode/kernel-event.ts';
import type { Family } from './families.ts';
import type { LogEnd } from './log-lines.ts';

/** How a process ended. */
export type ExitStatus = Pick<ExitEvent, 'code' | 'signal'>;

/** What was seen of an end. */
export interface EndEvidence {
  /** Events were lost: what was not seen may have happened all the same. */
  readonly lossy: boolean;
  readonly family: Family | undefined;
  /** From the monitor's start to its end. */
  readonly livedNs: bigint;
  /** Base name of what the monitor runs. */
  readonly monitorImage: string | undefined;
  /** undefined: not known, since events were lost. */
  readonly authenticated: boolean | undefined;
  /** The first user name was seen. */
  readonly userSeen: boolean;
  /** Attempts and queries that sshd judged. */
  readonly judged: number;
  readonly log: LogEnd | undefined;
  /** Type 50: the user child saw the end of the TCP stream. */
  readonly term: boolean;
  /** PAM account management refused (type 103 = 0). */
  readonly accountDenied: boolean;
  readonly monitor: ExitStatus | undefined;
  readonly networkChild: ExitStatus | undefined;
  readonly userChild: ExitStatus | undefined;
  /** First change of the TCP connection away from ESTABLISHED. */
  readonly tcp: 'peer_closed' | 'we_closed' | 'reset' | undefined;
}

interface EndRow {
  readonly reason: string;
  readonly fits: (e: EndEvidence) => boolean;
}

/** Signals that only a fault of sshd's own raises: ILL TRAP ABRT BUS FPE SEGV SYS. */
const FAULTS: ReadonlySet<number> = new Set([4, 5, 6, 7, 8, 11, 31]);

const code = (exit: ExitStatus | undefined): number | undefined =>
  exit === undefined || exit.signal !== 0 ? undefined : exit.code;
/** B and C: before there is a network child the two cannot be told apart, and here need not be. */
const codeTellsReason = (e: EndEvidence): boolean => e.family?.exitCodeTellsReason ?? e.monitorImage === 'sshd-session';
const reasonCode = (e: EndEvidence): number | undefined =>
  codeTellsReason(e) && e.authenticated === false ? code(e.monitor) : undefined;

/** LoginGraceTime counts whole seconds. */
const LEAST_GRACE_NS = 1_000_000_000n;

/** srclimit.h EXIT_*: 3, 4, 5 since V_9_8_P1, 6 since V_9_9_P2, 7 since V_10_3_P1. */
const ROWS: readonly EndRow[] = [
  { reason: 'server_crash', fits: (e) => crashed(e) },
  { reason: 'killed', fits: (e) => e.monitor !== undefined && e.monitor.signal !== 0 },
  { reason: 'killed', fits: (e) => e.userChild !== undefined && e.userChild.signal !== 0 },
  // Before authentication.
  { reason: 'grace_time', fits: (e) => reasonCode(e) === 3 || (e.authenticated === false && e.log === 'grace_time') },
  // A and D: log.c `sigdie` ends with 1, also before there is a network child. So does an sshd that cannot read its
  // configuration, but at once.
  {
    reason: 'grace_time',
    fits: (e) =>
      e.authenticated === false && !codeTellsReason(e) && code(e.monitor) === 1 && e.livedNs >= LEAST_GRACE_NS,
  },
  { reason: 'refused', fits: (e) => reasonCode(e) === 6 },
  {
    reason: 'account_denied',
    fits: (e) => e.authenticated === false && (e.accountDenied || e.log === 'account_denied'),
  },
  { reason: 'too_many_failures', fits: (e) => e.authenticated === false && e.log === 'too_many_failures' },
  { reason: 'negotiation_failed', fits: (e) => !e.userSeen && e.log === 'negotiation_failed' },
  { reason: 'protocol_error', fits: (e) => !e.userSeen && e.log === 'protocol_error' },
  {
    reason: 'scan',
    fits: (e) => e.authenticated === false && !e.userSeen && !e.lossy && e.judged === 0 && e.monitor !== undefined,
  },
  {
    reason: 'no_attempt',
    fits: (e) => e.authenticated === false && !e.lossy && e.judged === 0 && e.monitor !== undefined,
  },
  { reason: 'auth_failed', fits: (e) => e.authenticated === false && e.judged > 0 && e.monitor !== undefined },
  // After it.
  { reason: 'keepalive_timeout', fits: (e) => e.authenticated === true && e.log === 'keepalive_timeout' },
  {
    reason: 'client_vanished',
    fits: (e) => e.authenticated === true && (e.term || code(e.userChild ?? e.monitor) === 0),
  },
  { reason: 'logout', fits: (e) => e.authenticated === true && e.log === 'logout' },
  { reason: 'reset', fits: (e) => e.authenticated === true && (e.log === 'reset' || e.tcp === 'reset') },
  {
    reason: 'logout',
    fits: (e) => e.authenticated === true && e.tcp === 'peer_closed' && code(e.userChild ?? e.monitor) === 255,
  },
];

/** Low-cardinality name of why the connection ended, or undefined. */
export function endReason(evidence: EndEvidence): string | undefined {
  return ROWS.find((row) => row.fits(evidence))?.reason;
}

/** A process of sshd's died of its own fault: exit code 4 says so of the network child (9.8 and later). */
export function crashed(e: EndEvidence): boolean {
  const signals = [e.monitor, e.networkChild, e.userChild].map((exit) => exit?.signal ?? 0);
  return reasonCode(e) === 4 || signals.some((signal) => FAULTS.has(signal));
}
