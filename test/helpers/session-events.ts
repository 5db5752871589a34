/** Hand-made session events with defaults, for tests of the stages that read them. Times are milliseconds after `BASE_NS`. */
import type { CutBytes } from '../../agent/decode/kernel-event.ts';
import type { ProgramFacts } from '../../agent/sshd/program-facts.ts';
import {
  type Activity,
  type AttemptActivity,
  type ConnectionFacts,
  type FileActivity,
  type HelperActivity,
  type HostFacts,
  type PhaseActivity,
  type ProgramActivity,
  ROOT,
  type SessionActivity,
  type SessionEvent,
  type SpanRef,
} from '../../agent/sshd/session-event.ts';

/** Boot time at which the story of a test begins. */
export const BASE_NS = 5_000_000_000_000n;
/** 2026-11-24T10:00:00Z at `BASE_NS`. */
export const WALL_OFFSET_NS = 1_795_514_400_000_000_000n - BASE_NS;

export const HOST: HostFacts = {
  bootId: '6f1d2c3b-4a59-4687-9e0d-1c2b3a495867',
  machineId: '00112233445566778899aabbccddeeff',
  hostName: 'build-1',
  producer: 'converted',
  producerVersion: '1',
};

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Boot time of a story's millisecond. */
export function at(ms: number): bigint {
  return BASE_NS + BigInt(Math.round(ms * 1e6));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function whole(text: string): CutBytes {
  return { bytes: bytes(text), length: bytes(text).length };
}

/** `argv` as in memory: NUL after each element. */
export function argvOf(...args: readonly string[]): CutBytes {
  return whole(args.map((arg) => `${arg}\0`).join(''));
}

/** A live view as the model has it: tests change it as their story goes on. */
export function connection(facts: Partial<ConnectionFacts> = {}): Writable<ConnectionFacts> {
  return {
    id: { pid: 812, startNs: at(0) },
    startNs: at(0),
    wallOffsetNs: WALL_OFFSET_NS,
    family: 'A',
    endpoints: { peer: '192.0.2.10', peerPort: 51122, local: '198.51.100.4', localPort: 22 },
    authenticated: false,
    authUnknown: false,
    authMethods: [],
    attempts: 0,
    failedAttempts: 0,
    queries: 0,
    sessions: 0,
    programs: 0,
    serverFailed: false,
    incomplete: new Set(),
    lostEvents: 0,
    missingPhases: [],
    ...facts,
  };
}

export const AUTH: SpanRef = { kind: 'auth', key: [] };
export const HANDSHAKE: SpanRef = { kind: 'handshake', key: [] };
export const SETUP: SpanRef = { kind: 'setup', key: [] };

export function attemptRef(ordinal: number): SpanRef {
  return { kind: 'attempt', key: [`${ordinal}`] };
}

export function sessionRef(pid: number, startMs: number): SpanRef {
  return { kind: 'session', key: [`${pid}`, `${at(startMs)}`] };
}

/** `startMs` is the start of the process. */
export function programRef(pid: number, startMs: number, execNumber = 1): SpanRef {
  return { kind: 'program', key: [`${pid}`, `${at(startMs)}`, `${execNumber}`] };
}

export function handshake(startMs: number, endMs: number): Activity {
  return { kind: 'handshake', ref: HANDSHAKE, parent: ROOT, startNs: at(startMs), endNs: at(endMs) };
}

export function auth(startMs: number, endMs: number, result: 'accepted' | 'rejected' | 'aborted'): Activity {
  return { kind: 'auth', ref: AUTH, parent: ROOT, startNs: at(startMs), endNs: at(endMs), result };
}

export function setup(startMs: number, endMs: number): Activity {
  return { kind: 'setup', ref: SETUP, parent: ROOT, startNs: at(startMs), endNs: at(endMs) };
}

export function attempt(
  ordinal: number,
  startMs: number,
  endMs: number,
  facts: Partial<AttemptActivity>,
): AttemptActivity {
  return {
    kind: 'attempt',
    ref: attemptRef(ordinal),
    parent: AUTH,
    startNs: at(startMs),
    endNs: at(endMs),
    ordinal,
    query: false,
    source: 'monitor',
    ...facts,
  };
}

export function phase(
  name: string,
  parent: SpanRef,
  owner: 'server' | 'client',
  startMs: number,
  endMs: number,
  ordinal = 1,
): PhaseActivity {
  return {
    kind: 'phase',
    ref: { kind: 'phase', key: [name, `${ordinal}`] },
    parent,
    startNs: at(startMs),
    endNs: at(endMs),
    name,
    owner,
  };
}

export function programFacts(
  pid: number,
  startMs: number,
  args: readonly string[],
  facts: Partial<ProgramFacts> = {},
): ProgramFacts {
  return {
    process: { pid, startNs: at(startMs) },
    ppid: pid - 1,
    execNumber: 1,
    uids: [1000, 1000, 1000],
    sid: pid,
    pgid: pid,
    file: whole(args[0]?.startsWith('/') ? args[0] : `/usr/bin/${args[0] ?? 'true'}`),
    argv: argvOf(...args),
    exit: { code: 0, core: false },
    replaced: false,
    survivor: false,
    forks: 0,
    forksFailed: 0,
    failedExecs: 0,
    ...facts,
  };
}

/** A program: `startMs` is its exec, and the start of its process too. */
export function program(
  pid: number,
  startMs: number,
  endMs: number,
  parent: SpanRef,
  session: SpanRef | undefined,
  args: readonly string[],
  facts: Partial<ProgramFacts> = {},
): ProgramActivity {
  const own = programFacts(pid, startMs, args, facts);
  return {
    kind: 'program',
    ref: { kind: 'program', key: [`${pid}`, `${own.process.startNs}`, `${own.execNumber}`], startNs: at(startMs) },
    parent,
    session,
    startNs: at(startMs),
    endNs: at(endMs),
    program: own,
  };
}

export function helper(
  name: HelperActivity['helper'],
  pid: number,
  startMs: number,
  endMs: number,
  parent: SpanRef,
  args: readonly string[],
  facts: Partial<ProgramFacts> = {},
): HelperActivity {
  return {
    kind: 'helper',
    ref: { kind: 'helper', key: [`${pid}`, `${at(startMs)}`, '1'] },
    parent,
    startNs: at(startMs),
    endNs: at(endMs),
    helper: name,
    program: programFacts(pid, startMs, args, facts),
  };
}

export function session(
  pid: number,
  startMs: number,
  endMs: number,
  facts: Partial<SessionActivity> = {},
): SessionActivity {
  return {
    kind: 'session',
    ref: sessionRef(pid, startMs),
    parent: ROOT,
    startNs: at(startMs),
    endNs: at(endMs),
    leader: { pid, startNs: at(startMs) },
    exit: { code: 0, core: false },
    endedBy: 'leader',
    programs: 1,
    ...facts,
  };
}

/** Beginning and end of a program or a file. */
export function lived(facts: ConnectionFacts, activity: ProgramActivity | FileActivity): SessionEvent[] {
  const { ref, startNs } = activity;
  const texts =
    activity.kind === 'program'
      ? { argv: activity.program.argv, others: [activity.program.file] }
      : { others: [activity.path, activity.target] };
  return [{ type: 'began', connection: facts, ref, texts, tsNs: startNs }, told(facts, activity)];
}

/** Told at its own end unless `toldMs` says otherwise. */
export function told(facts: ConnectionFacts, activity: Activity, toldMs?: number): SessionEvent {
  return {
    type: 'activity',
    connection: facts,
    activity,
    tsNs: toldMs === undefined ? activity.endNs : at(toldMs),
  };
}

export function tick(ms: number): SessionEvent {
  return { type: 'tick', tsNs: at(ms) };
}
