/** Witness: what a client did, from its `ssh -v`, as the messages that it sent. */

export interface ClientAttempt {
  readonly method: string;
  /** The client only asked whether the key would do. */
  readonly query: boolean;
  /** As ssh names it, `ED25519`. */
  readonly keyType?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Of a key that could not be named beforehand. */
  readonly keyPath?: string | undefined;
  result: 'acceptable' | 'accepted' | 'partial' | 'rejected' | 'unanswered';
}

export interface ClientStory {
  readonly attempts: readonly ClientAttempt[];
  /** The server let it in. */
  readonly authenticated: boolean;
  /** `exec`, `subsystem NAME`, `shell`, or none for `-N`. */
  readonly session?: string | undefined;
  /** Command line that it sent. */
  readonly command?: string | undefined;
  /** What the server told of the command's end: its status; absent: none, or a signal. */
  readonly exitStatus?: number | undefined;
  readonly tooManyFailures: boolean;
  readonly denied: boolean;
  readonly negotiationFailed: boolean;
}

const KEY = / ([A-Z0-9-]+) (SHA256:[A-Za-z0-9+/]{43})/;

/** Reads stderr of `ssh -v`. */
export function readClient(stderr: string): ClientStory {
  const attempts: ClientAttempt[] = [];
  let method = 'none';
  let open: ClientAttempt | undefined;
  let session: string | undefined;
  let command: string | undefined;
  let exitStatus: number | undefined;
  let authenticated = false;
  const push = (attempt: Omit<ClientAttempt, 'result'>) => {
    open = { ...attempt, result: 'unanswered' };
    attempts.push(open);
  };
  const close = (result: ClientAttempt['result']) => {
    if (open !== undefined) open.result = result;
    open = undefined;
  };
  for (const line of stderr.split(/\r?\n/)) {
    const key = KEY.exec(line);
    const next = /^debug1: Next authentication method: (\S+)$/.exec(line);
    const trying = /^debug1: Trying private key: (.*)$/.exec(line);
    const sent = /^debug1: Sending (command|subsystem): (.*)$/s.exec(line);
    const status = /^debug1: Exit status (\d+)$/.exec(line);
    if (next !== null) method = next[1] ?? '';
    else if (line.startsWith('debug1: Offering public key'))
      push({ method, query: true, keyType: key?.[1], fingerprint: key?.[2] });
    else if (line.startsWith('debug1: Server accepts key')) {
      close('acceptable');
      push({ method, query: false, keyType: key?.[1], fingerprint: key?.[2] });
    } else if (trying !== null) push({ method, query: false, keyPath: trying[1] });
    else if (line.startsWith('debug1: read_passphrase') && method !== 'publickey') {
      // Several prompts may belong to one attempt.
      if (open === undefined) push({ method, query: false });
    } else if (line.startsWith('debug1: Authentications that can continue')) close('rejected');
    else if (/^(?:debug1: )?Authenticated using "[^"]+" with partial success\.$/.test(line)) close('partial');
    else if (/^Authenticated to .* using "/.test(line)) {
      close('accepted');
      authenticated = true;
    } else if (line.includes('Too many authentication failures')) close('rejected');
    else if (line === 'debug1: Entering interactive session.') session = 'shell';
    else if (sent !== null) {
      session = sent[1] === 'command' ? 'exec' : `subsystem ${sent[2]}`;
      if (sent[1] === 'command') command = sent[2];
    } else if (status !== null) exitStatus = Number(status[1]);
  }
  return {
    ...{ attempts, authenticated, session, command, exitStatus },
    tooManyFailures: stderr.includes('Too many authentication failures'),
    denied: stderr.includes('Permission denied ('),
    negotiationFailed: stderr.includes('Unable to negotiate'),
  };
}
