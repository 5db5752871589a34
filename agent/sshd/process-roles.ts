/**
 * The processes of one connection: which role each has, what it runs, and what its end means. Roles are decided when the
 * facts suffice; what lost events leave open stays open.
 */
import type { ExecEvent, ExitEvent } from '../decode/kernel-event.ts';
import type { Continuity, Process } from '../process/process-change.ts';
import { AUTH } from './attempt.ts';
import type { AuthDialogue } from './auth-dialogue.ts';
import type { Connection } from './connection.ts';
import { baseName, SSHD_IMAGES } from './families.ts';
import type { Handshake } from './handshake.ts';
import type { LogAuth } from './log-auth.ts';
import { newNode, ownerOf, underOf } from './new-node.ts';
import type { ProcessNode } from './node.ts';
import { helperForCertificate } from './principals-command.ts';
import {
  closeProgram,
  endOf,
  helperActivity,
  openHelper,
  openUnlessSkipped,
  type ProgramEnd,
  type SkipProgram,
} from './programs.ts';
import { roleOfChild } from './roles.ts';
import { SETUP, type SessionBook } from './session-book.ts';
import { type HelperActivity, type IncompleteReason, ROOT, type SpanRef } from './session-event.ts';

/** The parts of a connection that its processes tell about. */
export interface ConnectionParts {
  readonly connection: Connection;
  readonly handshake: Handshake;
  readonly dialogue: AuthDialogue;
  readonly sessions: SessionBook;
  readonly logAuth: LogAuth;
  readonly skipProgram: SkipProgram | undefined;
}

export class ProcessRoles {
  /** Processes that are alive. */
  readonly nodes = new Set<ProcessNode>();
  #networkChildKnown = false;
  readonly #parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** A network child, or what it says, was seen. */
  get separated(): boolean {
    return this.#networkChildKnown || this.#parts.connection.evidence.privilegeSeparation;
  }

  /** Nothing speaks for a network child, and nothing that would was lost. */
  get #unseparated(): boolean {
    return !this.separated && !this.#parts.connection.lossy;
  }

  forked(parent: ProcessNode, process: Process, tsNs: bigint): ProcessNode {
    const { connection, dialogue, handshake, sessions } = this.#parts;
    if (parent.under === 'monitor' && parent.role === 'undecided') {
      parent.forked = true;
      this.decide(parent, tsNs, false);
    }
    const node = newNode(process, connection, parent, dialogue.open, tsNs);
    this.nodes.add(node);
    const serves = parent.role === 'userChild' || (parent.role === 'monitor' && node.afterAuth);
    if (serves) node.announced = sessions.takeAnnounced();
    if (parent.role === 'monitor' && !this.#networkChildKnown && !dialogue.begun) handshake.networkChildNs ??= tsNs;
    return node;
  }

  executed(node: ProcessNode, event: ExecEvent, continuity: Continuity): void {
    const broken = continuity === 'broken' || (continuity === 'unknown' && node.gapped);
    node.image = baseName(event.file?.bytes ?? event.comm ?? new Uint8Array());
    if (node.role === 'monitor') {
      this.#parts.connection.evidence.monitorImage = node.image;
      this.#parts.handshake.startedNs ??= event.tsNs;
      return;
    }
    if (event.env.length > 0) node.clientVariable ??= event.env.some((entry) => entry.name === 'SSH_CLIENT');
    if (node.role === 'undecided') this.#decideAtExec(node, event);
    if (node.role === 'helper' && node.helper === undefined) {
      this.#runHelper(node, broken ? undefined : event);
      if (broken) this.#runProgram(node, event, false);
    } else if (node.role === 'sessionLeader' || node.role === 'program' || node.role === 'helper') {
      this.#runProgram(node, event, broken);
    }
    node.gapped = this.#parts.connection.gapUntilNs !== undefined;
  }

  #decideAtExec(node: ProcessNode, event: ExecEvent): void {
    if (node.under === 'unknown') this.#relate(node, event.ppid);
    if (node.under === 'monitor') this.decide(node, event.tsNs, false);
    if (node.role !== 'undecided' || (node.image !== undefined && SSHD_IMAGES.has(node.image))) return;
    // A user child forks only for sessions (session.c do_exec_*); what other sshd processes run is their helper.
    const ownSession = node.process.sid === node.process.id.pid;
    if (node.under === 'userChild' || (node.under === 'sshd' && ownSession)) this.#openSession(node, event.tsNs);
    else if (node.under === 'sshd' && !this.#parts.connection.lossy) node.role = 'helper';
    else node.role = 'program'; // its parent may have run a program that was not seen: no place is known
  }

  /** Finds the parent of an adopted process, now that its pid is told. */
  #relate(node: ProcessNode, ppid: number | undefined): void {
    for (const parent of this.nodes) {
      if (parent.process.id.pid !== ppid) continue;
      node.under = underOf(parent);
      if (node.under !== undefined) return;
      node.role = 'program';
      Object.assign(node, ownerOf(parent));
      // A program that began after the child was born cannot have forked it.
      const program = parent.program;
      if (program === undefined || program.startNs <= node.process.id.startNs) return;
      node.owner = parent.session?.ref ?? parent.owner;
      node.ownerProgram = undefined;
      return;
    }
  }

  #runProgram(node: ProcessNode, event: ExecEvent, broken: boolean): void {
    const { connection, sessions } = this.#parts;
    closeProgram(node, broken ? { tsNs: event.tsNs, unknown: 'events_lost' } : { tsNs: event.tsNs, replaced: true });
    const parent = node.helper?.ref ?? node.owner;
    node.program = openUnlessSkipped(node, event, event.tsNs, parent, this.#parts.skipProgram);
    const session = node.session;
    if (session === undefined) return;
    connection.programs++;
    session.programs++;
    if (session.leader !== node || session.first !== undefined) return;
    if (broken) session.firstLost = true;
    if (session.firstLost) return;
    sessions.firstProgram(session, event);
    connection.loginUid ??= event.loginUid;
    connection.auditSession ??= event.auditSession;
  }

  /** @param event undefined: what it ran first was lost */
  #runHelper(node: ProcessNode, event: ExecEvent | undefined): void {
    if (!node.afterAuth && this.#unseparated) this.#parts.logAuth.helperForked(node.forkNs);
    const [helper, parent] = this.#helperPlace(node, event);
    node.helper = openHelper(node, event, helper, parent);
    if (parent === SETUP) this.#parts.sessions.setupHasChildren = true;
  }

  /** What a helper serves, from what was going on when it was forked. */
  #helperPlace(node: ProcessNode, event: ExecEvent | undefined): [HelperActivity['helper'], SpanRef] {
    const { connection, dialogue, sessions } = this.#parts;
    if (node.afterAuth) return sessions.settingUp ? ['setup.helper', SETUP] : ['helper', ROOT];
    // Before the login or after it: with lost events only an open attempt tells.
    if (connection.lossy && (node.attempt === undefined || !this.separated)) return ['helper', ROOT];
    // Keys and principals commands run between a key request and its answer; PAM does nothing then. With a certificate
    // either may run (auth2-pubkey.c user_key_allowed).
    const keys = this.separated
      ? node.attemptMethod === 'publickey' && !node.attemptCertificate
      : node.process.uids !== undefined && node.process.uids[0] !== 0;
    const parent = node.attempt ?? (dialogue.begun && !dialogue.done ? AUTH : ROOT);
    if (keys) return ['authorized_keys_command', parent];
    return [parent === ROOT ? 'helper' : helperForCertificate(event, node.attemptCertificate), parent];
  }

  /** It called setsid. */
  ownSession(node: ProcessNode, tsNs: bigint): void {
    if (node.role === 'undecided' && node.under === 'userChild') this.#openSession(node, tsNs);
  }

  /** Sessions only begin after the login, whatever was seen of it. */
  #openSession(leader: ProcessNode, tsNs: bigint): void {
    if (!this.#parts.dialogue.done) this.#parts.dialogue.finish(leader.forkNs, true, false);
    this.#parts.sessions.open(leader, tsNs);
  }

  /** Reads the rules for a child of the monitor again. */
  decide(node: ProcessNode, tsNs: bigint, exited: boolean): void {
    const { connection, dialogue, handshake, sessions } = this.#parts;
    node.role = roleOfChild({
      family: connection.familyRow(),
      monitorImage: connection.evidence.monitorImage,
      afterAuth: node.afterAuth,
      duringPrompt: node.duringPrompt,
      networkChildKnown: this.#networkChildKnown,
      lossy: connection.lossy,
      spoke: node.spoke,
      ownSession: node.process.sid === node.process.id.pid,
      image: node.image,
      stampedSshd: node.process.role === 'sshd',
      forked: node.forked,
      exited,
      uids: node.process.uids,
      clientVariable: node.clientVariable,
    });
    switch (node.role) {
      case 'networkChild':
        this.#networkChildKnown = true;
        handshake.networkChildNs = node.forkNs;
        if (node.image === 'sshd-auth') connection.evidence.networkChildImage = node.image;
        break;
      case 'userChild':
        sessions.userChildNs ??= node.forkNs;
        if (!dialogue.done) dialogue.finish(node.forkNs, true, false);
        break;
      case 'sessionLeader':
        this.#openSession(node, tsNs);
        break;
      default:
        break;
    }
  }

  /**
   * A process other than the monitor has ended.
   * @param exit undefined: it is gone, but its exit was not seen
   */
  exited(node: ProcessNode, exit: ExitEvent | undefined, tsNs: bigint, why: Continuity | IncompleteReason): void {
    const end = endOf(node, exit, tsNs, why);
    if (node.role === 'undecided' && node.under === 'monitor') this.decide(node, tsNs, true);
    if (node.role === 'undecided' && node.process.sid === node.process.id.pid) this.ownSession(node, tsNs);
    if (node.role === 'networkChild') this.#networkChildExited(exit, tsNs);
    else if (node.role === 'userChild') this.#parts.connection.userChildExit = exit;
    else if (node.role === 'helper') this.#helperExited(node, end);
    else this.#programExited(node, exit, end);
  }

  #networkChildExited(exit: ExitEvent | undefined, tsNs: bigint): void {
    const { connection, dialogue } = this.#parts;
    connection.networkChildExit = exit && { code: exit.code, signal: exit.signal };
    // It exits with 0 only after it has handed over the keys (sshd.c privsep_preauth): a login whose proof was lost.
    const success = exit?.signal === 0 && exit.code === 0;
    if (exit === undefined) connection.authUnknown = !connection.authenticated;
    if (!dialogue.done) dialogue.finish(tsNs, success, false);
  }

  #helperExited(node: ProcessNode, end: ProgramEnd): void {
    const { connection, dialogue, logAuth, sessions } = this.#parts;
    const run = node.helper;
    closeProgram(node, end);
    if (run === undefined) return;
    // The run's end is the process's, whatever program it had become.
    const activity = helperActivity(node, run, end.exit === undefined ? end : { tsNs: end.tsNs, exit: end.exit });
    if (node.afterAuth) sessions.serverWorkedNs = end.tsNs;
    if (run.helper === 'authorized_keys_command') connection.keysCommandRan(end.tsNs - node.forkNs);
    if (this.#unseparated && !node.afterAuth && !dialogue.done) logAuth.helperEnded(activity);
    else connection.tell(activity, end.tsNs);
  }

  #programExited(node: ProcessNode, exit: ExitEvent | undefined, end: ProgramEnd): void {
    const forkedBy = node.ownerProgram;
    if (node.execs === 0 && node.role === 'program' && forkedBy !== undefined) {
      if (end.unknown !== undefined) forkedBy.gapped = true;
      forkedBy.forks++;
      if (exit !== undefined && (exit.code !== 0 || exit.signal !== 0)) forkedBy.forksFailed++;
    }
    closeProgram(node, end);
    const session = node.session;
    if (session?.leader !== node) return;
    this.#parts.sessions.close(session, end.tsNs, exit === undefined ? 'unknown' : 'leader', exit);
  }

  /** Events were lost. */
  gap(): void {
    for (const node of this.nodes) {
      node.gapped = true;
      node.announced = undefined;
      for (const program of [node.program, node.helper?.program, node.ownerProgram]) if (program) program.gapped = true;
    }
  }
}
