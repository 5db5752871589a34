/** Files of a connection's sessions: from an open to its close one activity, everything else at once. */
import type { FileEvent } from '../decode/kernel-event.ts';
import type { Connection } from './connection.ts';
import type { FileFacts, FileTally } from './file-facts.ts';
import type { ProcessNode, Session } from './node.ts';
import type { FileActivity, IncompleteReason, SpanRef } from './session-event.ts';

/** Operations that get a span; a mirror of a tree makes any number. The others are counted. */
const MAX_TOLD_PER_SESSION = 500;
const MAX_TOLD_PER_CONNECTION = 2_000;

const NOTHING: FileTally = { operations: 0, notTold: 0, failed: 0, readBytes: 0n, writtenBytes: 0n };

const OPENED = { read: 'read', write: 'write', both: 'read_write' } as const;

interface OpenFile {
  readonly event: FileEvent;
  readonly ref: SpanRef;
  readonly parent: SpanRef;
  readonly session: Session | undefined;
}

/** What an agent that is stopped leaves to the next one. */
export interface SavedFiles {
  /** Operations of the connection that got a span, or will when they end. */
  readonly told: number;
  readonly open: readonly { readonly node: ProcessNode; readonly name: string; readonly file: OpenFile }[];
}

export class Files {
  /** By what has them open, then by the program's number and their own. */
  readonly #open = new Map<ProcessNode, Map<string, OpenFile>>();
  readonly #connection: Connection;
  #told = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  save(): SavedFiles {
    const open = [...this.#open].flatMap(([node, files]) => [...files].map(([name, file]) => ({ node, name, file })));
    return { told: this.#told, open };
  }

  /** Of what was closed meanwhile it will turn out that its close was not seen. */
  restore({ told, open }: SavedFiles): void {
    this.#told = told;
    for (const { node, name, file } of open) this.#keep(node, name, file);
  }

  change(node: ProcessNode, event: FileEvent): void {
    const { session } = node;
    if (event.op === 'close') this.#closed(node, event);
    else if (event.op === 'rest') {
      const count = event.count ?? 0;
      addTo(session, { operations: count, notTold: count, failed: event.failed ?? 0, ...bytesOf(event) });
    } else this.#begin(node, event);
  }

  /**
   * The program that had them open is over; of what is still open the close was not seen.
   * @param tsNs the last moment at which it may have been open
   */
  ended(node: ProcessNode, tsNs: bigint, why: IncompleteReason): void {
    const open = this.#open.get(node);
    if (open === undefined) return;
    this.#open.delete(node);
    for (const file of open.values()) this.#tell(file, tsNs, why);
  }

  #begin(node: ProcessNode, event: FileEvent): void {
    const { session } = node;
    const isTold = this.#mayTell(session);
    addTo(session, { operations: 1, notTold: isTold ? 0 : 1, failed: event.ret < 0 ? 1 : 0, ...NO_BYTES });
    if (!isTold || event.id === undefined) return;
    const { pid, startNs } = node.process.id;
    const exec = execOf(node, event);
    const file: OpenFile = {
      event,
      ref: { kind: 'file', key: [String(pid), String(startNs), exec, String(event.id)], startNs: event.tsNs },
      parent: (runs(node, exec) ? node.program?.ref : undefined) ?? session?.ref ?? node.owner,
      session,
    };
    if (event.ret < 0 || (event.op !== 'open' && event.op !== 'list')) return this.#tell(file, event.tsNs, event);
    const connection = this.#connection;
    const texts = { others: [event.path, event.to] };
    connection.say({ type: 'began', connection, ref: file.ref, texts, tsNs: event.tsNs });
    this.#keep(node, `${exec} ${event.id}`, file);
  }

  #keep(node: ProcessNode, name: string, file: OpenFile): void {
    const open = this.#open.get(node) ?? new Map<string, OpenFile>();
    this.#open.set(node, open.set(name, file));
  }

  #mayTell(session: Session | undefined): boolean {
    const { operations, notTold } = session?.files ?? NOTHING;
    if (operations - notTold >= MAX_TOLD_PER_SESSION || this.#told >= MAX_TOLD_PER_CONNECTION) return false;
    this.#told++;
    return true;
  }

  #closed(node: ProcessNode, event: FileEvent): void {
    addTo(node.session, { operations: 0, notTold: 0, failed: 0, ...bytesOf(event) });
    const open = this.#open.get(node);
    const name = `${execOf(node, event)} ${event.id}`;
    const file = open?.get(name);
    if (open === undefined || file === undefined) return;
    open.delete(name);
    if (open.size === 0) this.#open.delete(node);
    this.#tell(file, event.tsNs, event);
  }

  /** @param end what ended it, or why that was not seen */
  #tell(file: OpenFile, tsNs: bigint, end: FileEvent | IncompleteReason): void {
    const unseen = typeof end === 'string' ? ({ endUnknown: true, incomplete: [end] } as const) : {};
    const activity: FileActivity = {
      kind: 'file',
      ref: file.ref,
      parent: file.parent,
      startNs: file.event.tsNs,
      endNs: tsNs,
      session: file.session?.ref,
      ...factsOf(file.event, typeof end === 'string' ? undefined : end),
      ...unseen,
    };
    this.#connection.tell(activity, tsNs);
  }
}

/** The kernel's number of the program; the last one that was seen, where the producer does not tell it. */
function execOf(node: ProcessNode, event: FileEvent): string {
  return String(event.execId ?? node.program?.ref.key[2] ?? 0);
}

/** That program was seen. Another exec may have been lost: its operations are the session's then. */
function runs(node: ProcessNode, exec: string): boolean {
  return node.program?.ref.key[2] === exec;
}

const NO_BYTES = { readBytes: 0n, writtenBytes: 0n };

function bytesOf(event: FileEvent): Pick<FileTally, 'readBytes' | 'writtenBytes'> {
  return { readBytes: event.readBytes ?? 0n, writtenBytes: event.writtenBytes ?? 0n };
}

function addTo(session: Session | undefined, more: FileTally): void {
  if (session === undefined) return;
  const sum = session.files ?? NOTHING;
  session.files = {
    operations: sum.operations + more.operations,
    notTold: sum.notTold + more.notTold,
    failed: sum.failed + more.failed,
    readBytes: sum.readBytes + more.readBytes,
    writtenBytes: sum.writtenBytes + more.writtenBytes,
  };
}

function factsOf(event: FileEvent, end: FileEvent | undefined): FileFacts {
  const { op } = event;
  return {
    operation: op === 'open' ? OPENED[event.mode ?? 'both'] : (op as Exclude<typeof op, 'open' | 'close' | 'rest'>),
    path: event.path,
    target: event.to,
    errno: event.ret < 0 ? -event.ret : undefined,
    readBytes: op === 'open' ? end?.readBytes : undefined,
    writtenBytes: op === 'open' ? end?.writtenBytes : undefined,
    unclosed: end?.forced === true,
  };
}
