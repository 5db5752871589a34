/** Forwards of a connection: what sshd connects to for its client, where it listens, and who used that. */
import type { ExecEvent, ForwardEvent } from '../decode/kernel-event.ts';
import { TCP } from '../decode/tcp-states.ts';
import type { Connection } from './connection.ts';
import type { DeniedForward } from './denied-forward.ts';
import type { ForwardType } from './forward-facts.ts';
import { forwardType, mayBeX11 } from './forward-type.ts';
import type { ProcessNode } from './node.ts';
import { type ForwardActivity, ROOT, type SpanRef } from './session-event.ts';

/** As Linux numbers it on all architectures but alpha, mips, parisc and sparc. */
const ECONNREFUSED = 111;

/** Forwards of one connection that get a span; a browser behind `-D` makes any number. The others are counted. */
const MAX_TOLD = 1_000;

interface OpenForward {
  readonly first: ForwardEvent;
  /** Its last record, for the addresses. */
  last: ForwardEvent;
  result: ForwardActivity['result'];
  type: ForwardType | undefined;
  /** Accepted by this one. */
  readonly listener: OpenForward | undefined;
  /** Its end may have been missed: events were lost, or an earlier agent saw it begin. */
  unsure?: true;
}

/** What is open, for the agent that comes after this one. */
export type SavedForwards = readonly OpenForward[];

export class Forwards {
  /** By socket. */
  readonly #open = new Map<string, OpenForward>();
  readonly #connection: Connection;
  #told = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  save(): SavedForwards {
    return [...this.#open.values()];
  }

  restore(saved: SavedForwards): void {
    for (const one of saved) this.#open.set(one.first.cookie, one);
    this.#told = this.#connection.forwards;
    this.gap();
  }

  /** Events were lost: what is open may have been closed. */
  gap(): void {
    for (const open of this.#open.values()) open.unsure = true;
  }

  /** A socket of `node` changed its state. What began unseen is not told: nobody would know since when. */
  change(node: ProcessNode, event: ForwardEvent): void {
    const { cookie, oldState, newState } = event;
    const open = this.#open.get(cookie) ?? (begins(event) && servesClient(node) ? this.#begin(event) : undefined);
    if (open === undefined) return;
    if (newState === TCP.established) open.result = 'opened';
    open.last = { ...event, local: event.local ?? open.last.local, localPort: event.localPort ?? open.last.localPort };
    if (newState !== TCP.close) return;
    this.#open.delete(cookie);
    const connected = oldState !== TCP.synSent && oldState !== TCP.close;
    if (connected) open.result = 'opened';
    else open.result = event.error === ECONNREFUSED ? 'refused' : 'failed';
    this.#tell(open, event.tsNs);
  }

  /**
   * sshd runs xauth in a session for no other reason than that it has just begun to listen for X11 (session.c
   * `do_rc_files`): on the one port that it may have taken for a display.
   */
  executed(node: ProcessNode, event: ExecEvent): void {
    if (this.#connection.lossy || !isXauthOfSshd(node, event)) return;
    const maybe = [...this.#open.values()].filter(
      ({ first, type }) => first.op === 'listen' && type === undefined && mayBeX11(first),
    );
    if (new Set(maybe.map(({ first }) => first.localPort)).size !== 1) return;
    for (const listener of maybe) listener.type = 'x11';
  }

  /** sshd itself said no, which only its log tells. */
  denied(node: ProcessNode, denied: DeniedForward, tsNs: bigint): void {
    if (!servesClient(node) || !this.#countOne()) return;
    this.#connection.tell(
      {
        ...{ kind: 'forward', ref: { kind: 'forward', key: ['denied', String(this.#told)], startNs: tsNs } },
        ...{ parent: ROOT, startNs: tsNs, endNs: tsNs, result: 'denied', ...denied },
      },
      tsNs,
    );
  }

  /** The connection is over, and with it all that it forwards. @param seen false: when it ended is not known */
  closeAll(tsNs: bigint, seen: boolean): void {
    for (const open of this.#open.values()) this.#tell(open, tsNs, seen && open.unsure !== true ? undefined : true);
    this.#open.clear();
  }

  /** @returns whether it gets a span */
  #countOne(): boolean {
    this.#connection.forwards++;
    if (this.#told >= MAX_TOLD) return false;
    this.#told++;
    return true;
  }

  #begin(event: ForwardEvent): OpenForward | undefined {
    if (!this.#countOne()) return undefined;
    const listener = event.listener === undefined ? undefined : this.#open.get(event.listener);
    const open: OpenForward = {
      ...{ first: event, last: event, listener },
      result: event.op === 'connect' ? undefined : 'opened',
      // Who accepts is of the kind of what he listens on, whatever that will turn out to be.
      type: event.op === 'accept' ? undefined : forwardType(event),
    };
    this.#open.set(event.cookie, open);
    return open;
  }

  #tell({ first, last, result, type, listener }: OpenForward, tsNs: bigint, endUnknown?: true): void {
    this.#connection.tell(
      {
        kind: 'forward',
        ref: refOf(first),
        parent: listener === undefined ? ROOT : refOf(listener.first),
        startNs: first.tsNs,
        endNs: tsNs,
        endUnknown,
        direction: first.op === 'connect' ? 'local' : 'remote',
        operation: first.op,
        type: type ?? listener?.type,
        path: first.path,
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

function refOf({ cookie, tsNs }: ForwardEvent): SpanRef {
  return { kind: 'forward', key: [cookie], startNs: tsNs };
}

/** A unix socket is connected at once, or not at all. */
function begins({ op, family, oldState, newState }: ForwardEvent): boolean {
  if (op === 'accept') return newState === TCP.established;
  if (oldState !== TCP.close) return false;
  if (op === 'listen') return newState === TCP.listen;
  return family === 'unix' || newState === TCP.synSent;
}

/** `/bin/sh -c '/usr/bin/xauth -q -'` (newer C libraries put `--` between), by the leader of a session before it runs the user's first program. */
function isXauthOfSshd(node: ProcessNode, event: ExecEvent): boolean {
  // Of a session that an earlier agent left, the leader may be gone.
  const leader: ProcessNode | undefined = node.session?.leader;
  if (leader === undefined || leader === node || leader.execs > 0) return false;
  const argv = String.fromCharCode(...(event.argv?.bytes.subarray(0, 512) ?? []));
  return /^[^\0]*\0-c\0(?:--\0)?[^\0]*xauth -q -\0$/.test(argv);
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
