/** What is known of a program, and what it used. */
import type { CgroupPath, CpuTime, CutBytes, ProcessId, Uids } from '../decode/kernel-event.ts';

export interface ExitFacts {
  /** 0..255, absent when a signal ended it. */
  readonly code?: number | undefined;
  /** Signal number, absent when it exited. */
  readonly signal?: number | undefined;
  readonly core: boolean;
}

/** One program that a process ran: from its exec to the process's next exec or exit. */
export interface ProgramFacts {
  readonly process: ProcessId;
  readonly ppid?: number | undefined;
  /** 1.. number of the exec within the process; absent where its fork was not seen. */
  readonly execNumber?: number | undefined;
  readonly uids?: Uids | undefined;
  readonly sid?: number | undefined;
  readonly pgid?: number | undefined;
  readonly loginUid?: number | undefined;
  readonly comm?: Uint8Array | undefined;
  readonly file?: CutBytes | undefined;
  readonly argv?: CutBytes | undefined;
  /** Absent if replaced or not seen. */
  readonly exit?: ExitFacts | undefined;
  /** Another exec of the same process ended it. */
  readonly replaced: boolean;
  /** It outlived its connection. */
  readonly survivor: boolean;
  /** Children that ended without ever running a program of their own, while this one ran. Absent where events were lost. */
  readonly forks?: number | undefined;
  readonly forksFailed?: number | undefined;
  /** Failed execs seen (exact mode), by errno name or number. */
  readonly failedExecs: number;
  readonly cgroup?: CgroupPath | undefined;
  /** Of the file that was loaded. */
  readonly inode?: { readonly device?: number | undefined; readonly number: string } | undefined;
  /** Of the program alone, without what its process used before. */
  readonly cpu?: CpuTime | undefined;
  readonly maxRssBytes?: bigint | undefined;
}
