/** A process as the sshd model sees it: its role, and where what it starts belongs. */
import type { CutBytes, ExecEvent } from '../decode/kernel-event.ts';
import type { Process } from '../process/process-change.ts';
import type { Connection } from './connection.ts';
import type { FileTally } from './file-facts.ts';
import type { KeyFacts } from './key-facts.ts';
import type { Role } from './roles.ts';
import type { HelperActivity, SpanRef } from './session-event.ts';

/** What is told of an exec when its program is over; an event that is told at once holds twice as much. */
export type KeptExec = Pick<
  ExecEvent,
  'ppid' | 'uids' | 'sid' | 'pgid' | 'loginUid' | 'comm' | 'file' | 'argv' | 'cgroupPath' | 'device' | 'inode' | 'cpu'
>;

/** What a leader's first exec tells of its session. */
export type FirstProgram = Pick<ExecEvent, 'argv' | 'env'>;

/** A program that runs: one exec of one process. */
export interface OpenProgram {
  readonly ref: SpanRef;
  readonly parent: SpanRef;
  readonly startNs: bigint;
  readonly event: KeptExec | undefined;
  /** Within the process, from 1; absent where execs of it may have been missed. */
  readonly execNumber: number | undefined;
  forks: number;
  forksFailed: number;
  /** Events were lost while it ran: an exec may have ended it, a child may have run a program. */
  gapped: boolean;
  failedExecs: number;
}

/** What a helper's run serves. */
export interface HelperRun {
  readonly helper: HelperActivity['helper'];
  readonly ref: SpanRef;
  readonly parent: SpanRef;
  readonly program: OpenProgram;
}

/** A session: the leader is a direct child of the user child (or of what stands for it) that called setsid. */
export interface Session {
  readonly ref: SpanRef;
  readonly leader: ProcessNode;
  readonly startNs: bigint;
  /** Events were lost before the leader's first program: what came next may not have been the first. */
  firstLost: boolean;
  /** Events were lost while it was open: the end of the connection may have been among them. */
  gapped: boolean;
  first: FirstProgram | undefined;
  tty: string | undefined;
  subsystem: string | undefined;
  /** Kind as a log line tells it. */
  logType: 'shell' | 'exec' | 'subsystem' | undefined;
  /** As sshd told its monitor: what stands in where the leader's arguments were lost. */
  announcedCommand?: CutBytes | undefined;
  title: Uint8Array | undefined;
  programs: number;
  files: FileTally | undefined;
  ended: boolean;
}

/** What sshd said of a session just before it forked the leader: the terminal, the kind, the command. */
export interface Announced {
  readonly tty: string | undefined;
  readonly type: 'shell' | 'exec' | 'subsystem' | undefined;
  readonly subsystem: string | undefined;
  readonly command?: CutBytes | undefined;
}

export interface ProcessNode {
  readonly process: Process;
  readonly connection: Connection;
  role: Role;
  /** Whose child it is, where that decides its role; undefined: it inherits its parent's world. */
  under: 'monitor' | 'userChild' | 'sshd' | 'unknown' | undefined;
  readonly forkNs: bigint;
  /** Span on which its programs hang: inherited at the fork. */
  owner: SpanRef;
  /** The program that forked it, or whose fork it descends from without an exec between. */
  ownerProgram: OpenProgram | undefined;
  session: Session | undefined;
  program: OpenProgram | undefined;
  helper: HelperRun | undefined;
  /** Base name of the last image it ran. */
  image: string | undefined;
  execs: number;
  /** The kernel's exec number that it was born with: its parent's. Absent where its fork was not seen. */
  readonly bornExecId: number | undefined;
  /** For an undecided child of the monitor: what was going on when it was forked. */
  readonly afterAuth: boolean;
  readonly duringPrompt: boolean;
  /** The attempt that was open when it was forked. */
  readonly attempt: SpanRef | undefined;
  readonly attemptMethod: string | undefined;
  readonly attemptCertificate: KeyFacts | undefined;
  announced: Announced | undefined;
  /** Events were lost while it lived. */
  gapped: boolean;
  spoke: 'preauth' | 'postauth' | undefined;
  forked: boolean;
  /** See `ChildEvidence`. */
  clientVariable: boolean | undefined;
}
