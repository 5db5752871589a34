/** What `/proc/net/unix` tells of a listening unix socket. */

/** Of `linux/net.h`: SS_UNCONNECTED is also that of a listener, with a flag. */
const ACCEPTED = '03';
const LISTENS = '00010000';

export type SocketState = 'nobody listens' | 'nobody is connected' | 'connected';

/** @param table text of `/proc/net/unix`, of the network namespace in question */
export function connectionState(table: string, path: string): SocketState {
  const rows = table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    // Num RefCount Protocol Flags Type St Inode Path
    .filter((fields) => fields.slice(7).join(' ') === path && path !== '');
  if (!rows.some((fields) => fields[3] === LISTENS)) return 'nobody listens';
  return rows.some((fields) => fields[5] === ACCEPTED) ? 'connected' : 'nobody is connected';
}
