/** One connection at work: takes the changes of its processes and keeps handshake, authentication, set-up and sessions. */
import type { ExecEvent, ExitEvent, LogEvent, MonitorMessageEvent } from '../decode/kernel-event.ts';
import type { Process, ProcessFact } from '../process/process-change.ts';
import { AUTH } from './attempt.ts';
import { AuthDialogue } from './auth-dialogue.ts';
import type { Connection } from './connection.ts';
import { baseName, SSHD_IMAGES } from './families.ts';
import { Handshake } from './handshake.ts';
import type { Sha256 } from './key-facts.ts';
import { LogAuth } from './log-auth.ts';
import { readLogLine } from './log-lines.ts';
import { MONITOR, ptyName, USER_CHILD_TYPES } from './monitor-protocol.ts';
import { newNode } from './new-node.ts';
import type { ProcessNode } from './node.ts';
import { Pairing } from './pairing.ts';
import { closeProgram, helperActivity, openHelper, openProgram, type ProgramEnd } from './programs.ts';
import { type Role, roleOfChild } from './roles.ts';
import { SETUP, SessionBook } from './session-book.ts';
import { type HelperActivity, ROOT, type SpanRef } from './session-event.ts';

export class ConnectionRun {
  readonly connection: Connection;
  readonly handshake = new Handshake();
  readonly dialogue: AuthDialogue;
  readonly sessions: SessionBook;
  readonly #pairing = new Pairing();
  readonly #logAuth: LogAuth;
  #networkChildKnown = false;
  /** Processes of the connection that are alive. */
  readonly nodes = new Set<ProcessNode>();

  constructor(connection: Connection, sha256: Sha256) {
    this.connection = connection;
    this.dialogue = new AuthDialogue(connection, this.handshake, sha256);
    this.sessions = new SessionBook(connection);
    this.#logAuth = new LogAuth(connection, this.dialogue);
    if (connection.late) this.handshake.skip();
  }

  get closed(): boolean {
    return this.connection.endNs !== undefined;
  }

  add(node: ProcessNode): ProcessNode {
    this.nodes.add(node);
    return node;
  }

  /** A process of this connection forked. */
  forked(parent: ProcessNode, process: Process, tsNs: bigint): ProcessNode {
    this.#advance(tsNs);
    if (parent.under === 'monitor' && parent.role === 'undecided') {
      parent.forked = true;
      this.#decide(parent, tsNs, false);
    }
    const node = this.add(newNode(process, this.connection, parent, this.dialogue.open, tsNs));
    if (parent.role === 'userChild' || (parent.role === 'monitor' && node.afterAuth)) {
      node.announced = this.sessions.takeAnnounced();
    }
    if (parent.role === 'monitor' && !this.#networkChildKnown && !this.dialogue.begun)
      this.handshake.networkChildNs ??= tsNs;
    return node;
  }

  executed(node: ProcessNode, event: ExecEvent): void {
    this.#advance(event.tsNs);
    node.image = baseName(event.file?.bytes ?? event.comm ?? new Uint8Array());
    if (this.connection.loginUid === undefined && node.role === 'sessionLeader')
      this.connection.loginUid = event.loginUid;
    if (node.role === 'monitor') {
      this.connection.evidence.monitorImage = node.image;
      this.handshake.startedNs ??= event.tsNs;
      return;
    }
    if (node.role === 'undecided') this.#decideAtExec(node, event);
    if (
      node.role === 'sessionLeader' ||
      node.role === 'program' ||
      (node.role === 'helper' && node.helper !== undefined)
    ) {
      this.#runProgram(node, event);
    } else if (node.role === 'helper') {
      this.#runHelper(node, event);
    }
  }

  #decideAtExec(node: ProcessNode, event: ExecEvent): void {
    if (node.under === 'monitor') return this.#decide(node, event.tsNs, false);
    if (node.image !== undefined && SSHD_IMAGES.has(node.image)) return;
    // A user child forks only for sessions (session.c do_exec_*); what other sshd processes run is their helper.
    if (node.under === 'userChild') this.sessions.open(node, event.tsNs);
    else node.role = 'helper';
  }

  #runProgram(node: ProcessNode, event: ExecEvent): void {
    closeProgram(node, { tsNs: event.tsNs, replaced: true });
    node.program = openProgram(node, event, event.tsNs, node.helper?.ref ?? node.owner);
    this.connection.programs++;
    const session = node.session;
    if (session === undefined) return;
    session.programs++;
    if (session.leader !== node || session.first !== undefined) return;
    this.sessions.firstProgram(session, event);
    this.connection.loginUid ??= event.loginUid;
    this.connection.auditSession ??= event.auditSession;
  }

  #runHelper(node: ProcessNode, event: ExecEvent): void {
    if (!node.afterAuth && this.connection.evidence.privilegeSeparation === false)
      this.#logAuth.helperForked(node.forkNs);
    const [helper, parent] = this.#helperPlace(node);
    node.helper = openHelper(node, event, helper, parent);
    if (parent === SETUP) this.sessions.setupHasChildren = true;
  }

  /** What a helper serves, from what was going on when it was forked. */
  #helperPlace(node: ProcessNode): [HelperActivity['helper'], SpanRef] {
    if (node.afterAuth) return this.sessions.settingUp ? ['setup.helper', SETUP] : ['helper', ROOT];
    const withoutSeparation = !this.connection.evidence.privilegeSeparation;
    // Keys and principals commands run between a key request and its answer; PAM does nothing then. With a certificate
    // either may run (auth2-pubkey.c user_key_allowed), and nothing outside tells which.
    const keys = withoutSeparation
      ? node.process.uids !== undefined && node.process.uids[0] !== 0
      : node.attemptMethod === 'publickey' && !node.attemptCertificate;
    const parent = node.attempt ?? (this.dialogue.begun && !this.dialogue.done ? AUTH : ROOT);
    return [keys ? 'authorized_keys_command' : parent === ROOT ? 'helper' : 'auth.helper', parent];
  }

  identity(node: ProcessNode, changed: 'sid' | 'uids', tsNs: bigint): void {
    this.#advance(tsNs);
    if (changed === 'sid' && node.role === 'undecided' && node.under === 'userChild') this.sessions.open(node, tsNs);
  }

  about(node: ProcessNode, event: ProcessFact): void {
    this.#advance(event.tsNs);
    switch (event.kind) {
      case 'accept':
        this.connection.endpoints = event;
        break;
      case 'tcp':
        this.connection.tcp(event);
        break;
      case 'mon':
        this.#message(node, event);
        break;
      case 'log':
        this.#log(event);
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

  #message(node: ProcessNode, event: MonitorMessageEvent): void {
    if (node.role === 'undecided' && node.under === 'monitor') {
      node.spoke =
        USER_CHILD_TYPES.has(event.type) && (node.afterAuth || this.connection.authenticated) ? 'postauth' : 'preauth';
      this.#decide(node, event.tsNs, false);
    }
    if (node.role === 'userChild' && !USER_CHILD_TYPES.has(event.type)) return;
    if (event.type === MONITOR.ansPty) {
      const name = ptyName(event);
      if (name !== undefined) this.sessions.terminal(name);
    }
    if (event.type === MONITOR.reqTerm) this.connection.term = true;
    for (const message of this.#pairing.push(event)) this.dialogue.message(message);
  }

  #log(event: LogEvent): void {
    const fact = readLogLine(event.data.bytes, this.connection.peerText());
    if (fact === undefined) return;
    const separated = this.connection.evidence.privilegeSeparation || this.#networkChildKnown;
    switch (fact.kind) {
      case 'auth':
        if (!separated && !this.dialogue.done) this.#logAuth.line(fact, event.tsNs);
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

  #decide(node: ProcessNode, tsNs: bigint, exited: boolean): void {
    const role = roleOfChild({
      family: this.connection.familyRow(),
      monitorImage: this.connection.evidence.monitorImage,
      afterAuth: node.afterAuth,
      duringPrompt: node.duringPrompt,
      networkChildKnown: this.#networkChildKnown,
      spoke: node.spoke,
      ownSession: node.process.sid === node.process.id.pid,
      image: node.image,
      forked: node.forked,
      exited,
      uids: node.process.uids,
    });
    node.role = role;
    this.#assumed(node, role, tsNs);
  }

  /** What a role implies for the connection. */
  #assumed(node: ProcessNode, role: Role, tsNs: bigint): void {
    if (role === 'networkChild') {
      this.#networkChildKnown = true;
      this.handshake.networkChildNs = node.forkNs;
      if (node.image === 'sshd-auth') this.connection.evidence.networkChildImage = node.image;
    }
    if (role === 'userChild') {
      this.sessions.userChildNs ??= node.forkNs;
      if (!this.dialogue.done) this.dialogue.finish(node.forkNs, true, false);
    }
    if (role === 'sessionLeader') {
      if (!this.dialogue.done) this.dialogue.finish(node.forkNs, true, false);
      this.sessions.open(node, tsNs);
    }
  }

  /** @param exit undefined: it is gone, but its exit was not seen */
  exited(node: ProcessNode, exit: ExitEvent | undefined, tsNs: bigint): void {
    this.#advance(tsNs);
    this.nodes.delete(node);
    const end: ProgramEnd = exit === undefined ? { tsNs, unknown: true } : { tsNs, exit };
    if (node.role === 'undecided') this.#decideAtExit(node, tsNs);
    switch (node.role) {
      case 'monitor':
        return this.close(tsNs, exit, exit === undefined ? 'stream' : 'connection');
      case 'networkChild':
        return this.#networkChildExited(exit, tsNs);
      case 'userChild':
        this.connection.userChildExit = exit;
        return undefined;
      case 'helper':
        return this.#helperExited(node, end);
      default:
        this.#programExited(node, exit, end);
    }
  }

  #decideAtExit(node: ProcessNode, tsNs: bigint): void {
    if (node.under === 'monitor') this.#decide(node, tsNs, true);
    else if (node.under === 'userChild' && node.process.sid === node.process.id.pid) this.sessions.open(node, tsNs);
  }

  #networkChildExited(exit: ExitEvent | undefined, tsNs: bigint): void {
    this.connection.networkChildExit = exit;
    for (const message of this.#pairing.flush()) this.dialogue.message(message);
    // It exits with 0 only after it has handed over the keys (sshd.c privsep_preauth): a login whose proof was lost.
    const success = exit?.signal === 0 && exit.code === 0;
    if (!this.dialogue.done) this.dialogue.finish(tsNs, success, false);
  }

  #helperExited(node: ProcessNode, end: ProgramEnd): void {
    const run = node.helper;
    closeProgram(node, end);
    if (run === undefined) return;
    const activity = helperActivity(node, run, end);
    if (node.afterAuth) this.sessions.serverWorkedNs = end.tsNs;
    if (run.helper === 'authorized_keys_command') this.connection.keysCommandRan(end.tsNs - node.forkNs);
    const fromLog = !this.connection.evidence.privilegeSeparation && !node.afterAuth && !this.dialogue.done;
    if (fromLog) this.#logAuth.helperEnded(activity);
    else this.connection.tell(activity, end.tsNs);
  }

  #programExited(node: ProcessNode, exit: ExitEvent | undefined, end: ProgramEnd): void {
    if (node.execs === 0 && node.ownerProgram !== undefined && node.role === 'program') {
      node.ownerProgram.forks++;
      if (exit !== undefined && (exit.code !== 0 || exit.signal !== 0)) node.ownerProgram.forksFailed++;
    }
    closeProgram(node, end);
    const session = node.session;
    if (session?.leader === node)
      this.sessions.close(session, end.tsNs, exit === undefined ? 'stream' : 'leader', exit);
  }

  /** The monitor is gone, or nothing more will be known of it. */
  close(tsNs: bigint, exit: ExitEvent | undefined, by: 'connection' | 'stream'): void {
    if (this.closed) return;
    for (const message of this.#pairing.flush()) this.dialogue.message(message);
    this.#logAuth.flush();
    if (!this.dialogue.done) this.dialogue.finish(tsNs, false, false);
    if (!this.handshake.done) this.handshake.end(this.connection, tsNs);
    this.sessions.closeAll(tsNs, by);
    this.connection.close(tsNs, exit);
  }

  /** Event time has moved on: an answer may have waited long enough for its request. */
  #advance(tsNs: bigint): void {
    if (tsNs > this.connection.lastNs) this.connection.lastNs = tsNs;
    for (const message of this.#pairing.due(tsNs)) this.dialogue.message(message);
  }
}
