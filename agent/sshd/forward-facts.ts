/** What is known of one TCP forward, beside when it was. */
export interface ForwardFacts {
  /** `local`: sshd connects for the client (`-L -D -W`, ProxyJump). `remote`: it listens for him (`-R`, X11). */
  readonly direction: 'local' | 'remote';
  /** Address in text form that sshd connected to; with `local` only. */
  readonly target?: string | undefined;
  readonly targetPort?: number | undefined;
  /** sshd's own end: where it listens, or what it connected from. */
  readonly local?: string | undefined;
  readonly localPort?: number | undefined;
  /** `failed`: no connection for another reason than a refusal. Absent: not known. */
  readonly result?: 'opened' | 'refused' | 'failed' | undefined;
  /** Payload from the target. */
  readonly receivedBytes?: bigint | undefined;
  /** Payload to the target. */
  readonly sentBytes?: bigint | undefined;
}
