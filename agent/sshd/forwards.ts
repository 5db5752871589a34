/** TCP forwards of a connection: what sshd connects to for its client, and where it listens for him. */
import type { ForwardEvent } from '../decode/kernel-event.ts';
import type { Connection } from './connection.ts';
import type { ProcessNode } from './node.ts';
import { type ForwardActivity, ROOT } from './session-event.ts';

/** TCP states of include/net/tcp_states.h. */
const ESTABLISHED = 1;
const SYN_SENT = 2;
const CLOSE = 7;
const LISTEN = 10;

/** As Linux numbers it on all architectures but alpha, mips, parisc and sparc. */
const ECONNREFUSED = 111;

/** Forwards of one connection that get a span; a browser behind `-D` makes any number. The others are counted. */
const MAX_TOLD = 1_000;

interface OpenForward {
  readonly first: ForwardEvent;
  /** Its last record, for the addresses. */
  last: ForwardEvent;
  result: ForwardActivity['result'];
}

export class Forwards {
  /** By socket. */
  readonly #open = new Map<string, OpenForward>();
  readonly #connection: Connection;
  #told = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A socket of `node` changed its state. What began unseen is not told: nobody would know since when. */
  change(node: ProcessNode, event: ForwardEvent): void {
    const { cookie, oldState, newState } = event;
    const open = this.#open.get(cookie);
    if (open === undefined) {
      const begins = oldState === CLOSE && newState === (event.op === 'listen' ? LISTEN : SYN_SENT);
      if (begins && servesClient(node)) this.#begin(event);
      return;
    }
    if (newState === ESTABLISHED) open.result = 'opened';
    open.last = { ...event, local: event.local ?? open.last.local, localPort: event.localPort ?? open.last.localPort };
    if (newState !== CLOSE) return;
    this.#open.delete(cookie);
    if (oldState !== SYN_SENT) open.result = 'opened';
    else open.result = event.error === ECONNREFUSED ? 'refused' : 'failed';
    this.#tell(open, event.tsNs);
  }

  /** The connection is over, and with it all that it forwards. @param seen false: when it ended is not known */
  closeAll(tsNs: bigint, seen: boolean): void {
    for (const open of this.#open.values()) this.#tell(open, tsNs, seen ? undefined : true);
    this.#open.clear();
  }

  #begin(event: ForwardEvent): void {
    this.#connection.forwards++;
    if (this.#told >= MAX_TOLD) return;
    this.#told++;
    this.#open.set(event.cookie, {
      first: event,
      last: event,
      result: event.op === 'listen' ? 'opened' : undefined,
    });
  }

  #tell({ first, last, result }: OpenForward, tsNs: bigint, endUnknown?: true): void {
    this.#connection.tell(
      {
        kind: 'forward',
        ref: { kind: 'forward', key: [first.cookie] },
        parent: ROOT,
        startNs: first.tsNs,
        endNs: tsNs,
        endUnknown,
        direction: first.op === 'listen' ? 'remote' : 'local',
        target: first.peer,
        targetPort: first.peerPort,
        local: last.local,
        localPort: last.localPort,
        result,
        receivedBytes: last.receivedBytes,
        sentBytes: last.sentBytes,
      },
      tsNs,
    );
  }
}

/**
 * It is the process that serves channels: the user child, or what will turn out to be it; or the monitor, where that has
 * no user child. What connects before the login, or opens the user's session, does so for itself: a directory, Kerberos.
 */
function servesClient(node: ProcessNode): boolean {
  if (node.role === 'userChild') return true;
  if (node.role === 'monitor') return monitorServes(node.connection);
  return node.role === 'undecided' && node.under === 'monitor' && node.afterAuth;
}

function monitorServes(connection: Connection): boolean {
  if (!connection.authenticated) return false;
  const family = connection.familyRow();
  // Of the others with user id 0 nobody tells in time that they are root.
  return family?.name === 'D' || (family?.rootHasUserChild === false && isRoot(connection.user?.name));
}

function isRoot(name: Uint8Array | undefined): boolean {
  return name !== undefined && name.length === 4 && String.fromCharCode(...name) === 'root';
}
