/**
 * What a child of the monitor is. It shows only in what the child does, so the rules are read again at each new fact until
 * one fits; a child of anything else has its parent's role.
 */
import type { Uids } from '../decode/kernel-event.ts';
import { type Family, SSHD_IMAGES } from './families.ts';

/** Roles of sshd's processes and of what they start; words of OpenSSH's README.privsep. */
export type Role =
  | 'listener'
  | 'monitor'
  | 'networkChild'
  | 'userChild'
  | 'pamChild'
  | 'helper'
  | 'sessionLeader'
  | 'program'
  | 'undecided';

/** What is known of a child of the monitor. */
export interface ChildEvidence {
  readonly family: Family | undefined;
  /** Base name of what the monitor runs. */
  readonly monitorImage: string | undefined;
  /** The user was in when it was forked. */
  readonly afterAuth: boolean;
  /** It was forked while a keyboard-interactive attempt was open. */
  readonly duringPrompt: boolean;
  /** A network child is already known. */
  readonly networkChildKnown: boolean;
  /** Events of the connection were lost: what it did not do may have been missed. */
  readonly lossy: boolean;
  /** It has sent a monitor message: of the user child's types, or others. */
  readonly spoke: 'preauth' | 'postauth' | undefined;
  /** setsid: its session id is its own pid. */
  readonly ownSession: boolean;
  /** Base name of what it has run. */
  readonly image: string | undefined;
  /** The producer says that it still runs an image of sshd's: then no exec was missed. */
  readonly stampedSshd: boolean;
  readonly forked: boolean;
  readonly exited: boolean;
  readonly uids: Uids | undefined;
  /** It ran a program with `SSH_CLIENT`; false: with others of the allowed variables only; undefined: none was told. */
  readonly clientVariable: boolean | undefined;
}

interface RoleRow {
  readonly role: Role;
  readonly fits: (e: ChildEvidence) => boolean;
}

const runsSshd = (e: ChildEvidence): boolean => e.image === undefined || SSHD_IMAGES.has(e.image);
/** It has surely run nothing but sshd. */
const stayedSshd = (e: ChildEvidence): boolean => runsSshd(e) && (!e.lossy || e.stampedSshd);
const isRoot = (e: ChildEvidence): boolean => e.uids?.[0] === 0;
/** Only where the monitor itself serves sessions (A as root, D) may its own child be a session leader. */
const monitorServes = (e: ChildEvidence): boolean =>
  e.family?.rootHasUserChild !== true && e.monitorImage !== 'sshd-session';

/**
 * Of children with a session of their own: a leader, not a program of pam_exec, which calls setsid too. Only session.c
 * `do_setup_env` sets SSH_CLIENT (PAM's environment has SSH_CONNECTION alone), and a PAM module runs as the monitor does.
 */
const leadsSession = (e: ChildEvidence): boolean => {
  const mayBeIn = e.afterAuth || !e.networkChildKnown;
  if (runsSshd(e)) return mayBeIn && (e.image !== undefined || e.exited || e.forked);
  if (e.uids !== undefined && !isRoot(e)) return true;
  return e.clientVariable ?? mayBeIn;
};

/** First row that fits. */
const ROWS: readonly RoleRow[] = [
  { role: 'userChild', fits: (e) => e.spoke === 'postauth' },
  { role: 'networkChild', fits: (e) => e.spoke === 'preauth' },
  { role: 'networkChild', fits: (e) => e.image === 'sshd-auth' },
  { role: 'sessionLeader', fits: (e) => e.ownSession && monitorServes(e) && leadsSession(e) },
  // The variable may have been among what was lost: no place is known.
  { role: 'program', fits: (e) => e.ownSession && monitorServes(e) && !runsSshd(e) && e.lossy },
  { role: 'helper', fits: (e) => !runsSshd(e) },
  { role: 'userChild', fits: (e) => e.afterAuth && stayedSshd(e) && (e.forked || e.exited) && !e.ownSession },
  { role: 'pamChild', fits: (e) => e.exited && e.duringPrompt && !e.lossy },
  {
    role: 'networkChild',
    fits: (e) => e.exited && !e.lossy && !e.networkChildKnown && e.uids !== undefined && !isRoot(e),
  },
  { role: 'pamChild', fits: (e) => e.exited && !e.lossy },
];

/** The role that the facts prove, or `undecided`. */
export function roleOfChild(evidence: ChildEvidence): Role {
  return ROWS.find((row) => row.fits(evidence))?.role ?? 'undecided';
}
