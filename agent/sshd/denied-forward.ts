/**
 * Forwards that sshd denies without a system call, as its log lines tell them: by AllowTcpForwarding and the like
 * (serverloop.c), by PermitOpen or PermitListen (channels.c `channel_connect_to_port`, `channel_setup_fwd_listener_tcpip`).
 * A denied `-R` that AllowTcpForwarding forbids is told nowhere.
 */
import type { ForwardFacts } from './forward-facts.ts';

export type DeniedForward = Pick<
  ForwardFacts,
  'direction' | 'operation' | 'type' | 'path' | 'target' | 'targetPort' | 'targetName' | 'local' | 'localPort'
>;

const CONNECTS = { direction: 'local', operation: 'connect' } as const;
const LISTENS = { direction: 'remote', operation: 'listen' } as const;

/** sshd cuts names there (`%.100s`): a longer one is not known. */
const MAX_NAME = 100;
/** Higher ones are none; sshd logs a path as host with port -2. */
const MAX_PORT = 65_535;

const DENIED = ', but the request was denied.';

/** What a line says, or undefined. The names in it are the client's own words, and only he is told by them. */
export function deniedForward(text: string): DeniedForward | undefined {
  const refused =
    /^refused (local port|streamlocal port) forward: originator \S{0,100} port \d{1,10}, target (.*)$/s.exec(text);
  if (refused !== null) return refused[1] === 'local port' ? tcp(CONNECTS, refused[2]) : unix(CONNECTS, refused[2]);
  if (!text.startsWith('Received request ') || !text.endsWith(DENIED)) return undefined;
  const asked =
    /^Received request (?:from \S{1,100} port \d{1,10} )?to (connect to|remote forward to) (host|path) (.*)$/s.exec(
      text.slice(0, -DENIED.length),
    );
  if (asked === null) return undefined;
  const what = asked[1] === 'connect to' ? CONNECTS : LISTENS;
  return asked[2] === 'host' ? tcp(what, asked[3]) : unix(what, asked[3]?.replace(/^"(.*)"$/s, '$1'));
}

function tcp(what: typeof CONNECTS | typeof LISTENS, words = ''): DeniedForward | undefined {
  const at = words.lastIndexOf(' port ');
  const port = words.slice(at + ' port '.length);
  if (at < 0 || !/^\d{1,5}$/.test(port) || Number(port) > MAX_PORT) return undefined;
  const name = known(words.slice(0, at));
  const address = name !== undefined && isAddress(name) ? name : undefined;
  const fields =
    what.operation === 'connect'
      ? { target: address, targetPort: Number(port) }
      : { local: address, localPort: Number(port) };
  const named = address === undefined && name !== undefined && name !== '' ? { targetName: bytes(name) } : {};
  return { ...what, type: 'tcp', ...fields, ...named };
}

function unix(what: typeof CONNECTS | typeof LISTENS, words = ''): DeniedForward {
  const path = known(words);
  return { ...what, type: 'unix', ...(path === undefined ? {} : { path: bytes(path) }) };
}

/** Undefined: cut, or with bytes that sshd had to write otherwise (log.c, strnvis). */
function known(name: string): string | undefined {
  return name.length >= MAX_NAME || name.includes('\\') ? undefined : name;
}

/** As far as it matters: a name has a letter that no address has, or no dot and colon at all. */
function isAddress(text: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) || (/^[0-9a-fA-F:.]{2,45}$/.test(text) && text.includes(':'));
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
