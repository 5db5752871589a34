/** Files that a session's server of sftp or scp worked on. */
import type { CutBytes } from '../decode/kernel-event.ts';

/** What is known of one operation, beside when it was; of an open until its close. */
export interface FileFacts {
  /** An open by what it was opened for. */
  readonly operation:
    | 'read'
    | 'write'
    | 'read_write'
    | 'list'
    | 'rename'
    | 'remove'
    | 'rmdir'
    | 'mkdir'
    | 'symlink'
    | 'link'
    | 'setstat';
  /** As the server named it: relative to its working directory, inside its root. */
  readonly path?: CutBytes | undefined;
  /** The new name, or what a link leads to. */
  readonly target?: CutBytes | undefined;
  /** Errno, positive. Absent: it succeeded. */
  readonly errno?: number | undefined;
  /** Absent where nothing was open, or its end was not seen. */
  readonly readBytes?: bigint | undefined;
  readonly writtenBytes?: bigint | undefined;
  /** The server ended without closing it: a transfer that was broken off, as a rule. */
  readonly unclosed: boolean;
}

/** Sums of a session; lower bounds where events were lost, or where its server went on when the connection had ended. */
export interface FileTally {
  readonly operations: number;
  /** Of them without a span of their own. */
  readonly notTold: number;
  readonly failed: number;
  readonly readBytes: bigint;
  readonly writtenBytes: bigint;
}
