/** What is known of one forward, beside when it was. */
export interface ForwardFacts {
  /** `local`: sshd connects for the client (`-L -D -W`, ProxyJump). `remote`: it listens for him (`-R`, agent, X11). */
  readonly direction: 'local' | 'remote';
  /** `accept`: somebody used what sshd listens on; known in exact mode only. */
  readonly operation: 'connect' | 'listen' | 'accept';
  /** Absent: not known. */
  readonly type?: ForwardType | undefined;
  /** Of a unix socket: what it connected to, or where it listens. */
  readonly path?: Uint8Array | undefined;
  /** Address in text form that sshd connected to, or that connected to sshd. */
  readonly target?: string | undefined;
  readonly targetPort?: number | undefined;
  /** What a client that was denied had named, where that is no address. */
  readonly targetName?: Uint8Array | undefined;
  /** sshd's own end: where it listens, or what it connected from. */
  readonly local?: string | undefined;
  readonly localPort?: number | undefined;
  /** `failed`: no connection for another reason than a refusal. `denied`: by sshd itself. Absent: not known. */
  readonly result?: 'opened' | 'refused' | 'failed' | 'denied' | undefined;
  /** Payload from the other end. */
  readonly receivedBytes?: bigint | undefined;
  /** Payload to the other end. */
  readonly sentBytes?: bigint | undefined;
}

/** `agent`: the client's keys, used by whoever connects. `x11`: his screen. */
export type ForwardType = 'tcp' | 'unix' | 'agent' | 'x11';
