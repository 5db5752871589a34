/**
 * A connection as an agent that is stopped leaves it to the next one: plain values only, which may share and point to each
 * other. Only where the user is in: what comes before is short, and its parts have more state.
 */
import { Connection } from './connection.ts';
import { ConnectionRun } from './connection-run.ts';
import type { SavedFiles } from './files.ts';
import type { SavedForwards } from './forwards.ts';
import type { Sha256 } from './key-facts.ts';
import type { ProcessNode, Session } from './node.ts';
import type { SkipProgram } from './programs.ts';
import type { SavedSessions } from './session-book.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
/** The fields of an object, without what its class computes. */
type FieldsOf<T> = Omit<T, 'family' | 'lossy'>;

export interface SavedRun {
  readonly connection: Readonly<Record<string, unknown>> &
    Pick<Connection, 'id' | 'listener' | 'wallOffsetNs' | 'lastNs'>;
  readonly sessions: SavedSessions;
  readonly forwards?: SavedForwards | undefined;
  readonly files?: SavedFiles | undefined;
  /** Those that live, without their connection. */
  readonly nodes: readonly Omit<ProcessNode, 'connection'>[];
}

/** Undefined: it is not to be gone on with. */
export function saveRun(run: ConnectionRun): SavedRun | undefined {
  const { connection, dialogue, processes, sessions } = run;
  if (!connection.authenticated || !dialogue.done) return undefined;
  const nodes = new Map<ProcessNode, Writable<Partial<ProcessNode>>>();
  for (const node of processes.nodes) nodes.set(node, { ...node });
  const copies = new Map<Session, Session>();
  const copyOf = (session: Session): Session => {
    const leader = nodes.get(session.leader) as ProcessNode | undefined;
    const copy = copies.get(session) ?? ({ ...session, leader } as Session);
    copies.set(session, copy);
    return copy;
  };
  for (const node of nodes.values()) {
    delete node.connection;
    if (node.session !== undefined) node.session = copyOf(node.session);
  }
  const saved = sessions.save();
  const files = run.files.save();
  const open = files.open.flatMap(({ node, name, file }) => {
    const copy = nodes.get(node) as ProcessNode | undefined;
    const session = file.session === undefined ? undefined : copyOf(file.session);
    return copy === undefined ? [] : [{ node: copy, name, file: { ...file, session } }];
  });
  return {
    connection: { ...(connection as FieldsOf<Connection>) },
    sessions: { ...saved, open: saved.open.map(copyOf) },
    forwards: run.forwards.save(),
    files: { ...files, open },
    nodes: [...nodes.values()] as ProcessNode[],
  };
}

/** The same connection again. What happened meanwhile is not known, and it is marked so. */
export function restoreRun(saved: SavedRun, sha256: Sha256, skipProgram: SkipProgram | undefined): ConnectionRun {
  const { id, listener, wallOffsetNs, lastNs } = saved.connection;
  const connection = Object.assign(new Connection(id, listener, wallOffsetNs, true, lastNs), saved.connection, {
    late: true,
  });
  connection.mark('agent_attached_late');
  const run = new ConnectionRun(connection, sha256, skipProgram);
  run.dialogue.finish(lastNs, true, false);
  run.sessions.restore(saved.sessions);
  run.forwards.restore(saved.forwards ?? []);
  if (saved.files !== undefined) run.files.restore(saved.files);
  for (const node of saved.nodes) {
    const own: ProcessNode = Object.assign(node, { connection });
    run.processes.nodes.add(own);
  }
  // The past was told by the agent before.
  connection.take();
  return run;
}
