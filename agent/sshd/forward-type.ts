/** What a socket that sshd listens on for its client is for, as far as its address tells. */
import type { ForwardEvent } from '../decode/kernel-event.ts';
import type { ForwardType } from './forward-facts.ts';

/** Ports of X11 displays: 6000 + number, and sshd tries numbers below 1000 (channels.c `x11_create_display_inet`). */
const X11_PORTS = { first: 6_000, last: 6_999 };

/** Undefined: it may be one thing or another. */
export function forwardType(event: ForwardEvent): ForwardType | undefined {
  if (event.family === 'unix') return event.op === 'listen' ? unixType(event.path, event.process.pid) : 'unix';
  return event.op === 'listen' && mayBeX11(event) ? undefined : 'tcp';
}

/** A port that the client named, or one that sshd took for a display. */
export function mayBeX11({ family, localPort }: ForwardEvent): boolean {
  return (
    family === undefined && (localPort === undefined || (localPort >= X11_PORTS.first && localPort <= X11_PORTS.last))
  );
}

/**
 * sshd names the agent's socket by its own pid: `/tmp/ssh-XXXXXXXXXX/agent.PID` (session.c `auth_input_request_forwarding`)
 * or, from 10.1 on, `~/.ssh/agent/s.HASH.sshd.PID.RANDOM` (misc-agent.c). With another pid it may be one that sshd numbers
 * otherwise, in a pid namespace. A client who forwards a socket of his own may choose such a name.
 */
function unixType(path: Uint8Array | undefined, pid: number): ForwardType | undefined {
  if (path === undefined) return undefined;
  const text = String.fromCharCode(...path);
  const named =
    /^\/tmp\/ssh-[A-Za-z0-9]{1,32}\/agent\.(\d{1,10})$/.exec(text) ??
    /\/\.ssh\/agent\/s\.[A-Za-z0-9]{1,32}\.sshd\.(\d{1,10})\.[A-Za-z0-9]{1,32}$/.exec(text);
  if (named === null) return 'unix';
  return Number(named[1]) === pid ? 'agent' : undefined;
}
