/** Witness: what the client's own `ssh -v` tells. */

export interface TranscriptAttempt {
  readonly method: string;
  /** For a key: as the client names it, `ED25519`. */
  readonly keyType?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** The server said that the key would do, before it was signed with. */
  readonly queryAccepted: boolean;
  readonly result: 'accepted' | 'partial' | 'rejected' | 'unanswered';
}

export interface Transcript {
  readonly attempts: readonly TranscriptAttempt[];
  /** Method that let the client in; absent: not let in. */
  readonly authenticatedWith?: string | undefined;
  /** Commands that were sent, in order. */
  readonly commands: readonly string[];
  /** Absent if none was sent. */
  readonly exitStatus?: number | undefined;
  /** The command was ended by a signal. */
  readonly exitSignal: boolean;
}

type Open = Omit<TranscriptAttempt, 'result'>;

const KEY = /(?:Offering public key|Server accepts key): .* ([A-Z0-9-]+) (SHA256:[A-Za-z0-9+/]{43})/;

/** Reads stderr of `ssh -v`. */
export function parseTranscript(stderr: string): Transcript {
  const attempts: TranscriptAttempt[] = [];
  const commands: string[] = [];
  let authenticatedWith: string | undefined;
  let exitStatus: number | undefined;
  let exitSignal = false;
  let open: Open | undefined;
  let asked = false;
  const close = (result: TranscriptAttempt['result']) => {
    if (open !== undefined) attempts.push({ ...open, result });
    open = undefined;
  };
  for (const line of stderr.split(/\r?\n/)) {
    const next = /^debug1: Next authentication method: (\S+)$/.exec(line);
    const key = KEY.exec(line);
    const done = /^Authenticated to .* using "([^"]+)"\.$/.exec(line);
    const partial = /^(?:debug1: )?Authenticated using "([^"]+)" with partial success\.$/.exec(line);
    const status = /^debug1: Exit status (-?\d+)$/.exec(line);
    const command = /^debug1: Sending (?:command|subsystem): (.*)$/s.exec(line);
    if (next !== null) {
      asked = next[1] !== 'publickey';
      open = asked ? { method: next[1] ?? '', queryAccepted: false } : undefined;
    } else if (line.startsWith('debug1: Offering public key')) {
      open = { method: 'publickey', keyType: key?.[1], fingerprint: key?.[2], queryAccepted: false };
    } else if (line.startsWith('debug1: Server accepts key')) {
      open = { method: 'publickey', keyType: key?.[1], fingerprint: key?.[2], queryAccepted: true };
    } else if (line.startsWith('debug1: Authentications that can continue')) {
      const method = open?.method;
      close('rejected');
      // The same method goes on asking until another is announced.
      if (asked && method !== undefined) open = { method, queryAccepted: false };
    } else if (partial !== null) close('partial');
    else if (done !== null) {
      close('accepted');
      authenticatedWith = done[1];
    } else if (command !== null) commands.push(command[1] ?? '');
    else if (status !== null && status[1] !== '-1') exitStatus = Number(status[1]);
    else if (line.includes('rtype exit-signal')) exitSignal = true;
  }
  // A method that only went on asking was no attempt; a key that was offered was one.
  if (open?.method === 'publickey') close('unanswered');
  return { attempts, authenticatedWith, commands, exitStatus, exitSignal };
}
