/** Sessions of one connection, and the set-up between authentication and the first of them. */
import type { CutBytes, ExecEvent, ExitEvent } from '../decode/kernel-event.ts';
import { type Connection, exitFacts } from './connection.ts';
import type { LogFact } from './log-lines.ts';
import type { Announced, ProcessNode, Session } from './node.ts';
import { PHASES } from './phases.ts';
import { ROOT, type SessionActivity, type SpanRef } from './session-event.ts';
import { environment, sessionKind } from './session-kind.ts';

/** Span of `ssh.session.setup`. */
export const SETUP: SpanRef = { kind: 'setup', key: [] };

type SessionLine = Extract<LogFact, { kind: 'session' }>;

/** What an agent that is stopped leaves to the next one. */
export interface SavedSessions extends Pick<SessionBook, 'userChildNs' | 'serverWorkedNs' | 'setupHasChildren'> {
  readonly open: readonly Session[];
  readonly setupTold: boolean;
}

export class SessionBook {
  /** What sshd said before it forked the leader that it is about. */
  #pendingTty: string | undefined;
  #pendingLine: SessionLine | undefined;
  #pendingCommand: CutBytes | undefined;
  /** Fork of the user child: sshd's own part of the set-up is over. */
  userChildNs: bigint | undefined;
  /** Last sign of sshd's own work where there is no user child: a helper's end, PAM's line. */
  serverWorkedNs: bigint | undefined;
  /** A helper hangs on the set-up, so its span must be told. */
  setupHasChildren = false;
  #setupTold = false;
  /** Events were lost during the set-up: its end is that of the first session that was seen. */
  #gapped = false;
  readonly #open = new Set<Session>();
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Events were lost: what was announced may have been for a session that was not seen. */
  gap(): void {
    this.#pendingTty = undefined;
    this.#pendingLine = undefined;
    this.#pendingCommand = undefined;
    if (!this.#setupTold) this.#gapped = true;
    for (const session of this.#open) {
      session.gapped = true;
      if (session.first === undefined) session.firstLost = true;
    }
  }

  save(): SavedSessions {
    const { userChildNs, serverWorkedNs, setupHasChildren } = this;
    return { open: [...this.#open], setupTold: this.#setupTold, userChildNs, serverWorkedNs, setupHasChildren };
  }

  restore({ open, setupTold, ...rest }: SavedSessions): void {
    for (const session of open) this.#open.add(session);
    this.#setupTold = setupTold;
    Object.assign(this, rest);
  }

  /** Set-up is going on: the user is in, no session has begun. */
  get settingUp(): boolean {
    const { authenticatedNs, endNs } = this.#connection;
    return authenticatedNs !== undefined && endNs === undefined && !this.#setupTold;
  }

  /** Type 29: a terminal was made for the next session. */
  terminal(name: string): void {
    this.#pendingTty = name;
  }

  /** Type 113: the next session's command. */
  command(command: CutBytes | undefined): void {
    this.#pendingCommand = command;
  }

  /** `Starting session: …` for the next session. */
  line(fact: SessionLine): void {
    this.#pendingLine = fact;
  }

  /** The process that serves sessions forks: what it announced is for this child. */
  takeAnnounced(): Announced | undefined {
    const tty = this.#pendingTty ?? this.#pendingLine?.tty;
    const line = this.#pendingLine;
    const command = this.#pendingCommand;
    this.#pendingTty = undefined;
    this.#pendingLine = undefined;
    this.#pendingCommand = undefined;
    if (tty === undefined && line === undefined && command === undefined) return undefined;
    return { tty, type: line?.type, subsystem: line?.subsystem, command };
  }

  /** A direct child of the user child turned out to be a session leader. */
  open(leader: ProcessNode, tsNs: bigint): Session {
    const connection = this.#connection;
    const id = leader.process.id;
    const ref: SpanRef = { kind: 'session', key: [String(id.pid), String(id.startNs)] };
    const { announced } = leader;
    leader.announced = undefined;
    const session: Session = {
      ref,
      leader,
      startNs: leader.forkNs,
      first: undefined,
      firstLost: false,
      gapped: leader.gapped || this.#connection.gapUntilNs !== undefined,
      tty: announced?.tty,
      subsystem: announced?.subsystem,
      logType: announced?.type,
      announcedCommand: announced?.command,
      title: undefined,
      programs: 0,
      files: undefined,
      ended: false,
    };
    leader.role = 'sessionLeader';
    leader.session = session;
    leader.owner = ref;
    this.#open.add(session);
    connection.sessions++;
    this.#endSetup(leader.forkNs, tsNs);
    connection.say({ type: 'session-opened', connection, session: ref, tsNs });
    return session;
  }

  /** The leader runs its first program. */
  firstProgram(session: Session, event: ExecEvent): void {
    session.first = { argv: event.argv, env: event.env };
    session.firstLost = false;
    if (event.argv !== undefined) session.announcedCommand = undefined;
    session.tty ??= environment(event, 'SSH_TTY');
    this.#connection.phase(PHASES.spawn, session.ref, session.startNs, event.tsNs);
    this.#connection.firstProgram(event.tsNs);
  }

  /** The leader exited, or the connection (or the stream) ended before it. */
  close(session: Session, tsNs: bigint, endedBy: SessionActivity['endedBy'], exit?: ExitEvent): void {
    if (session.ended) return;
    const closedNs = this.#connection.endNs;
    if (closedNs !== undefined && closedNs < tsNs) {
      // Found out too late: its leader may have ended before.
      return this.close(session, closedNs, this.#connection.lossy ? 'unknown' : 'connection');
    }
    session.ended = true;
    const by = session.gapped ? 'unknown' : endedBy;
    this.#open.delete(session);
    session.title = exit?.title ?? session.title;
    if (session.first === undefined && !session.firstLost) this.#connection.firstProgram(session.startNs);
    this.#connection.tell(
      {
        kind: 'session',
        ref: session.ref,
        parent: ROOT,
        startNs: session.startNs,
        endNs: tsNs,
        leader: session.leader.process.id,
        ...sessionKind(session),
        tty: session.tty,
        ...(exit === undefined ? {} : { exit: exitFacts(exit) }),
        endedBy: by,
        programs: session.programs,
        files: session.files,
        ...(by === 'unknown' ? { endUnknown: true } : {}),
        ...(session.firstLost ? { incomplete: ['events_lost'] } : {}),
      },
      tsNs,
    );
  }

  /** The connection is over: so are its sessions, even if their leaders live on. */
  closeAll(tsNs: bigint, endedBy: 'connection' | 'unknown'): void {
    for (const session of [...this.#open]) this.close(session, tsNs, endedBy);
    if (this.settingUp && (this.setupHasChildren || this.userChildNs !== undefined)) {
      this.#endSetup(this.userChildNs ?? this.serverWorkedNs ?? tsNs, tsNs);
    }
  }

  #endSetup(endNs: bigint, tsNs: bigint): void {
    const startNs = this.#connection.authenticatedNs;
    if (this.#setupTold || startNs === undefined) return;
    this.#setupTold = true;
    const servedNs = this.userChildNs ?? this.serverWorkedNs ?? startNs;
    const until = servedNs < endNs ? servedNs : endNs;
    const gap = this.#gapped ? ({ endUnknown: true, incomplete: ['events_lost'] } as const) : {};
    if (!this.#gapped) {
      this.#connection.phase(PHASES.openSession, SETUP, startNs, until);
      this.#connection.phase(PHASES.channelRequest, SETUP, until, endNs);
    }
    this.#connection.tell({ kind: 'setup', ref: SETUP, parent: ROOT, startNs, endNs, ...gap }, tsNs);
  }
}
