/** What we believe about processes: kernel events, each bound to the process that it is about. */
import type {
  AcceptEvent,
  ClockEvent,
  DropEvent,
  EndEvent,
  ExecEvent,
  ExecFailEvent,
  ExitEvent,
  FileEvent,
  ForwardEvent,
  HelloEvent,
  LogEvent,
  LostEvent,
  MonitorMessageEvent,
  ProcessId,
  SeedEvent,
  TcpEvent,
  Uids,
} from '../decode/kernel-event.ts';

/** A process from its fork to its exit. Only the process table changes it. */
export interface Process {
  readonly id: ProcessId;
  /** Pid of the parent at the time of the fork, if known; re-parenting does not change it. */
  readonly ppid: number | undefined;
  /** Its fork was not seen: found by a seed, or by a later event. */
  readonly adopted: boolean;
  /** Time of the fork (boot ns); of the start where the fork was not seen. */
  readonly forkNs: bigint;
  /** Connection as the producer stamped it. */
  readonly conn: ProcessId | undefined;
  readonly role: 'listener' | 'sshd' | 'program' | undefined;
  readonly sid: number | undefined;
  readonly uids: Uids | undefined;
  /** The kernel's number of its last exec that is known of; a fork inherits its parent's. */
  readonly execId: number | undefined;
}

/**
 * Whether an exec of the process was missed before this event, by the kernel's exec numbers; `unknown` where the producer
 * does not tell them.
 */
export type Continuity = 'whole' | 'broken' | 'unknown';

export type ProcessChange =
  | { readonly type: 'hello'; readonly tsNs: bigint; readonly event: HelloEvent }
  | { readonly type: 'clock'; readonly tsNs: bigint; readonly event: ClockEvent }
  | {
      readonly type: 'seeded';
      readonly tsNs: bigint;
      readonly process: Process;
      readonly parent: Process | undefined;
      readonly event: SeedEvent;
    }
  /** Without a fork record: its first sign of life was another event. */
  | { readonly type: 'adopted'; readonly tsNs: bigint; readonly process: Process; readonly parent: Process | undefined }
  | { readonly type: 'forked'; readonly tsNs: bigint; readonly process: Process; readonly parent: Process }
  | {
      readonly type: 'executed';
      readonly tsNs: bigint;
      readonly process: Process;
      readonly event: ExecEvent;
      readonly continuity: Continuity;
    }
  | { readonly type: 'identity'; readonly tsNs: bigint; readonly process: Process; readonly changed: 'sid' | 'uids' }
  | {
      readonly type: 'exited';
      readonly tsNs: bigint;
      readonly process: Process;
      readonly event: ExitEvent;
      readonly continuity: Continuity;
    }
  /** It is gone, but its exit was not seen. */
  | { readonly type: 'vanished'; readonly tsNs: bigint; readonly process: Process }
  | { readonly type: 'about'; readonly tsNs: bigint; readonly process: Process; readonly event: ProcessFact }
  | { readonly type: 'lost'; readonly tsNs: bigint; readonly event: LostEvent }
  | { readonly type: 'end'; readonly tsNs: bigint; readonly event: EndEvent };

/** Events that change no process but say something about one. */
export type ProcessFact =
  | AcceptEvent
  | DropEvent
  | TcpEvent
  | ForwardEvent
  | FileEvent
  | MonitorMessageEvent
  | LogEvent
  | ExecFailEvent;
