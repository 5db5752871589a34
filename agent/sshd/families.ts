/**
 * How each OpenSSH generation splits itself into processes. Told per connection, from what its processes do.
 * The tree is the same in all; only the exec boundaries differ.
 */

/** One row of the table. */
export interface Family {
  readonly name: 'A' | 'B' | 'C' | 'D';
  readonly versions: string;
  /** Base name of the image that the monitor runs after its re-exec. */
  readonly monitorImage: string;
  /** Base name of the image that the network child execs; absent: it stays a fork. */
  readonly networkChildImage?: string;
  /** An unprivileged network child speaks to the monitor. */
  readonly privilegeSeparation: boolean;
  /** Even a login as uid 0 gets a user child; else the monitor itself serves root's sessions. */
  readonly rootHasUserChild: boolean;
  /** The monitor's exit code before authentication tells the reason (srclimit.h EXIT_*, V_9_8_P1). */
  readonly exitCodeTellsReason: boolean;
}

/**
 * A: sshd.c `privsep_postauth` skips the fork for uid 0. B: sshd-session.c, V_9_8_P1. C: sshd-auth.c, V_10_0_P1.
 * D: `UsePrivilegeSeparation no`, removed in 7.5; one root process does everything.
 */
export const FAMILIES: readonly Family[] = [
  {
    name: 'A',
    versions: '<= 9.7',
    monitorImage: 'sshd',
    privilegeSeparation: true,
    rootHasUserChild: false,
    exitCodeTellsReason: false,
  },
  {
    name: 'B',
    versions: '9.8, 9.9',
    monitorImage: 'sshd-session',
    privilegeSeparation: true,
    rootHasUserChild: true,
    exitCodeTellsReason: true,
  },
  {
    name: 'C',
    versions: '>= 10.0',
    monitorImage: 'sshd-session',
    networkChildImage: 'sshd-auth',
    privilegeSeparation: true,
    rootHasUserChild: true,
    exitCodeTellsReason: true,
  },
  {
    name: 'D',
    versions: '<= 7.4 with UsePrivilegeSeparation no',
    monitorImage: 'sshd',
    privilegeSeparation: false,
    rootHasUserChild: false,
    exitCodeTellsReason: false,
  },
];

/** Base names of sshd's own images. */
export const SSHD_IMAGES: ReadonlySet<string> = new Set(['sshd', 'sshd-session', 'sshd-auth']);

/** What is known of a connection's processes that tells its family. */
export interface FamilyEvidence {
  /** Events were lost: an exec that was not seen may have happened. */
  readonly lossy: boolean;
  readonly monitorImage: string | undefined;
  readonly networkChildImage: string | undefined;
  /** A monitor message was seen, or a process that can only be the network child. */
  readonly privilegeSeparation: boolean;
  /** An authentication was seen that no network child asked for. */
  readonly authWithoutNetworkChild: boolean;
}

/** The family that fits, or undefined as long as two fit. */
export function familyOf(evidence: FamilyEvidence): Family | undefined {
  if (evidence.networkChildImage !== undefined) {
    return FAMILIES.find((f) => f.networkChildImage === evidence.networkChildImage);
  }
  if (evidence.monitorImage === 'sshd-session') {
    // B and C differ only in the network child: a fork that speaks is B's, silence fits both.
    return evidence.privilegeSeparation && !evidence.lossy ? FAMILIES.find((f) => f.name === 'B') : undefined;
  }
  if (evidence.monitorImage === 'sshd' || (evidence.monitorImage === undefined && !evidence.lossy)) {
    if (evidence.privilegeSeparation) return FAMILIES.find((f) => f.name === 'A');
    if (evidence.authWithoutNetworkChild && !evidence.lossy) return FAMILIES.find((f) => f.name === 'D');
  }
  return undefined;
}

/** Base name of a path of bytes, as text; only ever compared with the names above. */
export function baseName(path: Uint8Array): string {
  let start = path.length;
  while (start > 0 && path[start - 1] !== 0x2f) start--;
  let name = '';
  for (let i = start; i < path.length && name.length < 64; i++) name += String.fromCharCode(path[i] ?? 0);
  return name;
}
