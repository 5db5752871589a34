/** A process that was just forked: what it inherits, and what was going on at that moment. */
import type { Process } from '../process/process-change.ts';
import type { Attempt } from './attempt.ts';
import type { Connection } from './connection.ts';
import type { ProcessNode } from './node.ts';
import type { Role } from './roles.ts';
import { ROOT } from './session-event.ts';

/** Roles whose children live in their world: programs of a session or of a helper. */
const WORLDS: ReadonlySet<Role> = new Set(['helper', 'program', 'sessionLeader']);

type Place = Pick<ProcessNode, 'owner' | 'ownerProgram' | 'session'>;

/** Where the programs of a process hang that nobody in a session or helper forked. */
const OUTSIDE: Place = { owner: ROOT, ownerProgram: undefined, session: undefined };

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
  const { owner, ownerProgram, session } = inherits ? ownerOf(parent) : OUTSIDE;
  const under = parent === undefined ? 'unknown' : underOf(parent);
  const known = attempt?.gapped === false ? attempt : undefined;
  return {
    process,
    connection,
    role: inherits ? 'program' : 'undecided',
    under,
    forkNs,
    owner,
    ownerProgram,
    session,
    program: undefined,
    helper: undefined,
    image: undefined,
    execs: 0,
    bornExecId: process.adopted ? undefined : process.execId,
    afterAuth: connection.authenticated,
    duringPrompt: attempt?.method === 'keyboard-interactive',
    attempt: known?.ref,
    attemptMethod: known?.method,
    attemptCertificate: known?.key?.certificate === true ? known.key : undefined,
    announced: undefined,
    gapped: connection.gapUntilNs !== undefined,
    spoke: undefined,
    forked: false,
    clientVariable: undefined,
  };
}

/** Whose child a process is, where its parent's role decides its own. */
export function underOf(parent: ProcessNode): ProcessNode['under'] {
  if (WORLDS.has(parent.role)) return undefined;
  if (parent.role === 'monitor' || parent.role === 'userChild') return parent.role;
  // The producer's stamp tells a program whose exec was lost.
  return parent.under === 'monitor' && parent.process.role !== 'program' ? 'sshd' : 'unknown';
}

/** Where the children and programs of a process hang. */
export function ownerOf(parent: ProcessNode): Place {
  return {
    owner: parent.program?.ref ?? parent.helper?.ref ?? parent.owner,
    ownerProgram: parent.program ?? parent.helper?.program ?? parent.ownerProgram,
    session: parent.session,
  };
}
