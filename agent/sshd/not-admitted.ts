/** Connections that a listener accepts and closes without a process of their own: MaxStartups, or a penalty. */
import type { DropEvent } from '../decode/kernel-event.ts';
import { Connection } from './connection.ts';
import type { SessionEvent } from './session-event.ts';

/** The whole story of one: there is no monitor, so the listener and the moment name it. */
export function notAdmitted(event: DropEvent, wallOffsetNs: bigint): readonly SessionEvent[] {
  const { tsNs } = event;
  const id = { pid: event.process.pid, startNs: tsNs };
  const connection = new Connection(id, event.process, wallOffsetNs, false, tsNs);
  connection.endpoints = event;
  connection.say({ type: 'connection-opened', connection, tsNs });
  connection.close(tsNs, undefined);
  connection.disconnectReason = 'not_admitted';
  return connection.take();
}
