/** A process that was just forked: what it inherits, and what was going on at that moment. */
import type { Process } from '../process/process-change.ts';
import type { Attempt } from './attempt.ts';
import type { Connection } from './connection.ts';
import type { ProcessNode } from './node.ts';
import type { Role } from './roles.ts';
import { ROOT } from './session-event.ts';

/** Roles whose children live in their world: programs of a session or of a helper. */
const WORLDS: ReadonlySet<Role> = new Set(['helper', 'program', 'sessionLeader']);

/**
 * The node of a process.
 * @param parent undefined: nothing is known of who forked it
 * @param attempt the authentication attempt that is open
 */
export function newNode(
  process: Process,
  connection: Connection,
  parent: ProcessNode | undefined,
  attempt: Attempt | undefined,
  forkNs: bigint,
): ProcessNode {
  const inherits = parent !== undefined && WORLDS.has(parent.role);
  const under =
    parent === undefined || inherits
      ? undefined
      : parent.role === 'monitor'
        ? 'monitor'
        : parent.role === 'userChild'
          ? 'userChild'
          : 'sshd';
  return {
    process,
    connection,
    role: inherits ? 'program' : 'undecided',
    under,
    forkNs,
    owner: inherits ? (parent.program?.ref ?? parent.helper?.ref ?? parent.owner) : ROOT,
    ownerProgram: inherits ? (parent.program ?? parent.helper?.program ?? parent.ownerProgram) : undefined,
    session: inherits ? parent.session : undefined,
    program: undefined,
    helper: undefined,
    image: undefined,
    execs: 0,
    afterAuth: connection.authenticated,
    duringPrompt: attempt?.method === 'keyboard-interactive',
    attempt: attempt?.ref,
    attemptMethod: attempt?.method,
    attemptCertificate: attempt?.key?.certificate ?? false,
    announced: undefined,
    spoke: undefined,
    forked: false,
  };
}
