/** One connection at work: joins its processes, the monitor's messages and sshd's log lines. */
import type { ExecEvent, ExitEvent, LogEvent, MonitorMessageEvent } from '../decode/kernel-event.ts';
import type { Continuity, Process, ProcessFact } from '../process/process-change.ts';
import { AuthDialogue } from './auth-dialogue.ts';
import type { Connection } from './connection.ts';
import { Files } from './files.ts';
import { Forwards } from './forwards.ts';
import { Handshake } from './handshake.ts';
import { isStartedByInetd } from './inetd.ts';
import type { Sha256 } from './key-facts.ts';
import { LogAuth } from './log-auth.ts';
import { readLogLine } from './log-lines.ts';
import { auditCommand, MONITOR, ptyName, USER_CHILD_TYPES } from './monitor-protocol.ts';
import type { ProcessNode } from './node.ts';
import { Pairing } from './pairing.ts';
import { ProcessRoles } from './process-roles.ts';
import { closeProgram, type SkipProgram } from './programs.ts';
import { SessionBook } from './session-book.ts';
import type { IncompleteReason } from './session-event.ts';

export class ConnectionRun {
  readonly connection: Connection;
  readonly skipProgram: SkipProgram | undefined;
  readonly handshake = new Handshake();
  readonly dialogue: AuthDialogue;
  readonly sessions: SessionBook;
  readonly processes: ProcessRoles;
  readonly #pairing = new Pairing();
  readonly #logAuth: LogAuth;
  /** Most connections have none. */
  #forwards: Forwards | undefined;
  #files: Files | undefined;
  /** Set from a monitor's first sign of life to its first exec, if its fork was not seen. */
  #foundNs: bigint | undefined;

  constructor(connection: Connection, sha256: Sha256, skipProgram?: SkipProgram) {
    this.connection = connection;
    this.skipProgram = skipProgram;
    this.dialogue = new AuthDialogue(connection, this.handshake, sha256);
    this.sessions = new SessionBook(connection);
    this.#logAuth = new LogAuth(connection, this.dialogue);
    this.processes = new ProcessRoles({
      connection,
      handshake: this.handshake,
      dialogue: this.dialogue,
      sessions: this.sessions,
      logAuth: this.#logAuth,
      skipProgram,
    });
    if (connection.late) this.handshake.skip();
  }

  get forwards(): Forwards {
    this.#forwards ??= new Forwards(this.connection);
    return this.#forwards;
  }

  get files(): Files {
    this.#files ??= new Files(this.connection);
    return this.#files;
  }

  get closed(): boolean {
    return this.connection.endNs !== undefined;
  }

  /** Closed, and nobody of it is alive. */
  get over(): boolean {
    return this.closed && this.processes.nodes.size === 0;
  }

  /** A process of it was heard of whose fork was not seen: events were lost, unless inetd forked it. */
  found(process: Process, tsNs: bigint): void {
    const { id } = this.connection;
    if (process.id.pid === id.pid && process.id.startNs === id.startNs) this.#foundNs = tsNs;
    else this.gap(0, tsNs);
  }

  /** Its monitor's fork was not seen, and it does not look as if nobody had to see it. */
  #notFromInetd(): void {
    if (this.#foundNs !== undefined) this.gap(0, this.#foundNs);
    this.#foundNs = undefined;
  }

  forked(parent: ProcessNode, process: Process, tsNs: bigint): ProcessNode {
    this.#notFromInetd();
    this.#advance(tsNs);
    return this.processes.forked(parent, process, tsNs);
  }

  executed(node: ProcessNode, event: ExecEvent, continuity: Continuity): void {
    if (node.role === 'monitor' && isStartedByInetd(event)) this.#foundNs = undefined;
    this.#notFromInetd();
    this.#advance(event.tsNs);
    this.#files?.ended(node, event.tsNs, 'events_lost');
    this.processes.executed(node, event, continuity);
    this.#forwards?.executed(node, event);
  }

  /**
   * It listens: from now on it is a server of its own (sshd restarted over ssh), and no command of the session.
   * @returns whether it is followed no longer; the end of a session's leader is still the session's
   */
  becameListener(node: ProcessNode, tsNs: bigint): boolean {
    this.#advance(tsNs);
    closeProgram(node, { tsNs, replaced: true });
    if (node.session?.leader === node || node.helper !== undefined) return false;
    this.processes.nodes.delete(node);
    return true;
  }

  identity(node: ProcessNode, changed: 'sid' | 'uids', tsNs: bigint): void {
    this.#advance(tsNs);
    if (changed === 'sid') this.processes.ownSession(node, tsNs);
  }

  /** @param exit undefined: it is gone, but its exit was not seen */
  exited(node: ProcessNode, exit: ExitEvent | undefined, tsNs: bigint, why: Continuity | IncompleteReason): void {
    this.#notFromInetd();
    this.#advance(tsNs);
    this.processes.nodes.delete(node);
    this.#files?.ended(node, tsNs, exit === undefined && why === 'stream_ended' ? why : 'events_lost');
    if (node.role === 'monitor') return this.close(tsNs, exit);
    if (node.role === 'networkChild') this.#flush();
    this.processes.exited(node, exit, tsNs, why);
    // Its monitor was gone before anybody looked, or a seed would have told of it.
    if (this.connection.late && this.processes.nodes.size === 0) this.close(tsNs, undefined);
  }

  about(node: ProcessNode, event: ProcessFact): void {
    if (event.kind !== 'accept') this.#notFromInetd();
    this.#advance(event.tsNs);
    switch (event.kind) {
      case 'accept':
        this.connection.accepted(event);
        break;
      case 'tcp':
        this.connection.tcp(event);
        break;
      case 'forward':
        this.forwards.change(node, event);
        break;
      case 'file':
        this.files.change(node, event);
        break;
      case 'mon':
        this.#message(node, event);
        break;
      case 'log':
        this.#log(node, event);
        break;
      case 'execfail':
        if (node.program !== undefined) node.program.failedExecs++;
        break;
      case 'drop':
        break;
      default:
        event satisfies never;
    }
  }

  /** Events of this connection were lost, up to `untilNs`. */
  gap(count: number, untilNs: bigint): void {
    const connection = this.connection;
    connection.mark('events_lost');
    connection.lostEvents += count;
    if (connection.gapUntilNs === undefined || connection.gapUntilNs < untilNs) connection.gapUntilNs = untilNs;
    this.processes.gap();
    this.#distrust();
  }

  /** What was under way may have gone another way. */
  #distrust(): void {
    for (const message of this.#pairing.gap()) this.dialogue.message(message);
    this.dialogue.gap();
    this.#logAuth.gap();
    this.sessions.gap();
    this.#forwards?.gap();
  }

  #message(node: ProcessNode, event: MonitorMessageEvent): void {
    const ofUserChild = USER_CHILD_TYPES.has(event.type);
    if (node.role === 'undecided' && (node.under === 'monitor' || node.under === 'unknown')) {
      const after = node.afterAuth || this.connection.authenticated || event.type !== MONITOR.reqAuditEvent;
      node.spoke = ofUserChild && after ? 'postauth' : 'preauth';
      this.processes.decide(node, event.tsNs, false);
    }
    if (node.role === 'userChild' && !ofUserChild) return;
    if (event.type === MONITOR.ansPty) {
      const name = ptyName(event);
      if (name !== undefined) this.sessions.terminal(name);
    }
    if (event.type === MONITOR.reqAuditCommand) this.sessions.command(auditCommand(event));
    if (event.type === MONITOR.reqTerm) this.connection.term = true;
    for (const message of this.#pairing.push(event)) this.dialogue.message(message);
  }

  #log(node: ProcessNode, event: LogEvent): void {
    const fact = readLogLine(event.data.bytes, this.connection.peerText());
    if (fact === undefined) return;
    const separated = this.processes.separated;
    switch (fact.kind) {
      case 'auth':
        if (!separated && !this.dialogue.done && !this.connection.lossy) this.#logAuth.line(fact, event.tsNs);
        else if (fact.verdict === 'accepted') this.#repairFromLog(fact.user, fact.key?.certificateId);
        break;
      case 'key-found':
        if (!separated) this.#logAuth.keyFound(fact);
        break;
      case 'connection':
        this.handshake.startedNs = event.tsNs;
        break;
      case 'pam-session-opened':
        this.sessions.serverWorkedNs = event.tsNs;
        break;
      case 'root-refused':
        this.connection.rootRefused = true;
        break;
      case 'session':
        this.sessions.line(fact);
        break;
      case 'end':
        this.connection.logEnd ??= fact.reason;
        break;
      case 'forward-denied':
        this.forwards.denied(node, fact.forward, event.tsNs);
        break;
      case 'helper-failed':
        break;
      default:
        fact satisfies never;
    }
  }

  /** Messages come first; a log line only fills what they left open. */
  #repairFromLog(user: Uint8Array, certificateId: string | undefined): void {
    const connection = this.connection;
    connection.user ??= { name: user, source: 'log' };
    if (certificateId !== undefined && connection.key !== undefined)
      connection.key = { ...connection.key, certificateId };
  }

  /** The monitor is gone (`exit` undefined: its exit was not seen, or the stream ended). */
  close(tsNs: bigint, exit: ExitEvent | undefined): void {
    if (this.closed) return;
    this.#flush();
    this.#logAuth.flush();
    const failureProven = this.connection.networkChildExit !== undefined;
    const isOpenEnded = this.connection.lossy || exit === undefined;
    if (!this.connection.authenticated && isOpenEnded && !failureProven) this.connection.authUnknown = true;
    if (!this.dialogue.done) this.dialogue.finish(tsNs, false, false);
    if (!this.handshake.done) {
      if (this.handshake.gapped) this.connection.missing('handshake');
      else this.handshake.end(this.connection, tsNs);
    }
    this.#forwards?.closeAll(tsNs, exit !== undefined);
    this.sessions.closeAll(tsNs, exit === undefined ? 'unknown' : 'connection');
    this.connection.close(tsNs, exit);
  }

  #flush(): void {
    for (const message of this.#pairing.flush()) this.dialogue.message(message);
  }

  /** Event time has moved on: an answer may have waited long enough for its request. */
  #advance(tsNs: bigint): void {
    if (tsNs > this.connection.lastNs) this.connection.lastNs = tsNs;
    const gapUntilNs = this.connection.gapUntilNs;
    if (gapUntilNs !== undefined) {
      this.#distrust();
      if (tsNs > gapUntilNs) this.connection.gapUntilNs = undefined;
    }
    for (const message of this.#pairing.due(tsNs)) this.dialogue.message(message);
  }
}
