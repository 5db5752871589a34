/** Compares what was told of a stream with records missing with what the whole stream tells. */
import type {
  Activity,
  AttemptActivity,
  HelperActivity,
  ProgramActivity,
  SessionActivity,
} from '../../agent/sshd/session-event.ts';
import { isTruePhase, near } from './compare-phases.ts';
import { refText, type ToldConnection } from './model.ts';

export interface Comparison {
  /** Facts that contradict the whole stream. */
  readonly wrong: string[];
  readonly kept: number;
  readonly all: number;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, v) => {
    if (typeof v === 'bigint') return String(v);
    return v instanceof Uint8Array ? [...v] : v;
  });
}

class Check {
  readonly wrong: string[] = [];
  kept = 0;
  all = 0;

  /** A fact may be absent; if it is there, it must be true. */
  fact(name: string, told: unknown, truth: unknown): void {
    if (truth !== undefined) this.all++;
    if (told === undefined) return;
    if (text(told) === text(truth)) this.kept++;
    else this.wrong.push(`${name}: ${text(told)} is ${text(truth)}`);
  }

  must(name: string, holds: boolean): void {
    if (!holds) this.wrong.push(name);
  }
}

export function compareTold(truth: ToldConnection, cut: ToldConnection): Comparison {
  const check = new Check();
  connectionFacts(check, truth, cut);
  const parents = ancestors(truth);
  for (const told of cut.activities) activity(check, truth, cut, told, parents);
  check.all += truth.activities.length;
  check.kept += cut.activities.length;
  return check;
}

function connectionFacts(check: Check, truth: ToldConnection, cut: ToldConnection): void {
  const [t, c] = [truth.facts, cut.facts];
  check.fact('user', c.user?.name, t.user?.name);
  check.fact('userValid', c.userValid, t.userValid);
  check.fact('family', c.family, t.family);
  check.fact('peer', c.endpoints?.peerPort, t.endpoints?.peerPort);
  check.fact('authenticated', c.authUnknown ? undefined : c.authenticated, t.authenticated);
  check.fact('authenticatedNs', c.authenticatedNs, t.authenticatedNs);
  check.fact('reason', c.disconnectReason, t.disconnectReason);
  check.fact('exit', c.exit, t.exit);
  check.fact('login', c.login, t.login);
  check.must(`serverFailed ${c.serverFailed}`, c.serverFailed === t.serverFailed);
  check.must(
    `methods ${c.authMethods}`,
    c.authMethods.every((m) => t.authMethods.includes(m)),
  );
  for (const count of ['attempts', 'failedAttempts', 'queries', 'sessions', 'programs'] as const) {
    check.must(`${count} ${c[count]} > ${t[count]}`, c[count] <= t[count]);
  }
}

/** Ref of every activity → refs of its ancestors, itself included. */
function ancestors(truth: ToldConnection): Map<string, Set<string>> {
  const parentOf = new Map(truth.activities.map((a) => [refText(a.ref), refText(a.parent)]));
  const all = new Map<string, Set<string>>();
  for (const a of truth.activities) {
    const set = new Set([refText(a.ref), 'connection']);
    for (let at = parentOf.get(refText(a.ref)); at !== undefined && !set.has(at); at = parentOf.get(at)) set.add(at);
    all.set(refText(a.ref), set);
  }
  return all;
}

function activity(
  check: Check,
  truth: ToldConnection,
  cut: ToldConnection,
  told: Activity,
  parents: Map<string, Set<string>>,
): void {
  const name = refText(told.ref);
  check.must(`${name} ends before it starts`, told.endNs >= told.startNs);
  switch (told.kind) {
    case 'attempt':
      return attempt(check, truth, told);
    case 'phase':
      return check.must(`phase ${told.name} ${told.startNs}..${told.endNs}`, isTruePhase(truth, told));
    case 'handshake': {
      const real = truth.activities.find((a) => a.kind === 'handshake');
      check.fact('handshake end', told.endNs, real?.endNs);
      return check.fact('key exchange', told.keyExchangeNs, real?.keyExchangeNs);
    }
    case 'auth': {
      const real = truth.activities.find((a) => a.kind === 'auth');
      check.must('auth exists', real !== undefined);
      if (!cut.facts.missingPhases.includes('handshake')) check.fact('auth start', told.startNs, real?.startNs);
      if (!cut.facts.missingPhases.includes('authenticated') && told.result !== undefined) {
        check.fact('auth end', told.endNs, real?.endNs);
      }
      return check.fact('auth result', told.result, real?.result);
    }
    case 'setup': {
      const real = truth.activities.find((a) => a.kind === 'setup');
      check.fact('setup start', told.startNs, real?.startNs);
      return check.must('setup end', told.endUnknown === true || (real !== undefined && near(told.endNs, real.endNs)));
    }
    case 'session':
      return session(check, truth, told);
    case 'program':
    case 'helper':
      return program(check, truth, told, parents, placeOf(truth, cut, told));
    case 'forward': {
      // Denied ones are numbered by what was seen of them.
      const real = truth.activities.find(
        (a) =>
          a.kind === 'forward' && (told.result === 'denied' ? told.startNs === a.startNs : refText(a.ref) === name),
      );
      if (real?.kind === 'forward') {
        check.fact('forward type', told.type, real.type);
        check.fact('forward result', told.result, real.result);
      }
      check.fact('forward start', told.startNs, real?.startNs);
      return check.must('forward end', told.endUnknown === true || told.endNs === real?.endNs);
    }
    case 'file': {
      const real = truth.activities.find((a) => a.kind === 'file' && refText(a.ref) === name);
      check.fact('file start', told.startNs, real?.startNs);
      check.must('file end', told.endUnknown === true || told.endNs === real?.endNs);
      if (real?.kind !== 'file') return;
      check.fact('file operation', told.operation, real.operation);
      check.must('file below', parents.get(name)?.has(refText(told.parent)) === true);
      if (told.readBytes !== undefined) check.fact('bytes read', told.readBytes, real.readBytes);
      return check.must('bytes written', told.writtenBytes === undefined || told.writtenBytes === real.writtenBytes);
    }
    default:
      return told satisfies never;
  }
}

function attempt(check: Check, truth: ToldConnection, told: AttemptActivity): void {
  const real = truth.activities.find((a): a is AttemptActivity => {
    if (a.kind !== 'attempt' || (told.method !== undefined && a.method !== told.method)) return false;
    return isSameAttempt(told, a);
  });
  const name = `attempt ${told.ordinal} at ${told.startNs}`;
  check.must(`${name} never was`, real !== undefined);
  if (real === undefined) return;
  check.fact(`${name} result`, told.result, real.result);
  check.fact(`${name} query`, told.query, real.query);
  check.fact(`${name} key`, told.key?.fingerprint, real.key?.fingerprint);
  if (told.endUnknown !== true && told.result !== undefined) check.fact(`${name} end`, told.endNs, real.endNs);
}

/** Numbers shift when an attempt is lost; times do not. */
function isSameAttempt(told: AttemptActivity, real: AttemptActivity): boolean {
  if (told.startUnknown !== true) return real.startNs === told.startNs;
  if (told.endUnknown !== true) return real.endNs === told.endNs;
  return real.startNs <= told.startNs && told.startNs <= real.endNs;
}

function session(check: Check, truth: ToldConnection, told: SessionActivity): void {
  const name = refText(told.ref);
  const real = truth.activities.find((a): a is SessionActivity => a.kind === 'session' && refText(a.ref) === name);
  check.must(`${name} never was`, real !== undefined);
  if (real === undefined) return;
  check.must(`${name} start`, near(told.startNs, real.startNs));
  const leader = truth.activities.filter((a) => a.kind === 'program' && a.program.process.pid === real.leader.pid);
  check.fact(`${name} exit`, told.exit, real.exit ?? lastExit(leader as Ran[]));
  for (const field of ['type', 'subsystem', 'command', 'requestedCommand', 'tty', 'traceparent'] as const) {
    check.fact(`${name} ${field}`, told[field], real[field]);
  }
  for (const field of ['operations', 'failed', 'notTold', 'readBytes', 'writtenBytes'] as const)
    check.must(`${name} ${field}`, (told.files?.[field] ?? 0) <= (real.files?.[field] ?? 0));
  if (told.endedBy !== 'unknown')
    check.fact(`${name} end`, `${told.endedBy} ${told.endNs}`, `${real.endedBy} ${real.endNs}`);
}

type Ran = ProgramActivity | HelperActivity;

/** The parent by the whole stream's name. */
function placeOf(truth: ToldConnection, cut: ToldConnection, told: Ran): string {
  const attempt = cut.activities.find((a) => a.kind === 'attempt' && refText(a.ref) === refText(told.parent));
  if (attempt?.kind !== 'attempt') return refText(told.parent);
  const real = truth.activities.find((a) => a.kind === 'attempt' && isSameAttempt(attempt, a));
  return real === undefined ? 'none' : refText(real.ref);
}

function program(
  check: Check,
  truth: ToldConnection,
  told: Ran,
  parents: Map<string, Set<string>>,
  parent: string,
): void {
  const { pid, startNs } = told.program.process;
  const name = `${told.kind} ${pid}`;
  const ofProcess = truth.activities.filter(
    (a): a is Ran =>
      (a.kind === 'program' || a.kind === 'helper') &&
      a.program.process.pid === pid &&
      a.program.process.startNs === startNs,
  );
  const isSame = (a: Ran): boolean =>
    told.kind === 'helper' ? a.kind === 'helper' : a.startNs === told.startNs || a.program.argv === undefined;
  const real = ofProcess.find(isSame) ?? ofProcess.find((a) => a.kind === 'helper');
  check.must(`${name} never was`, real !== undefined);
  if (real === undefined) return;
  const sameKind = told.kind === real.kind;
  if (told.kind === 'helper') {
    const neutral = told.helper === 'helper' || told.helper === 'auth.helper';
    check.must(`${name} ${told.helper}`, real.kind === 'helper' && (told.helper === real.helper || neutral));
  } else {
    check.must(
      `${name} session`,
      told.session === undefined || (real.kind === 'program' && text(told.session) === text(real.session)),
    );
  }
  const whole = told.endUnknown !== true;
  if (sameKind) {
    check.fact(`${name} argv`, told.program.argv, real.program.argv);
    check.fact(`${name} uids`, told.program.uids, real.program.uids);
    if (whole) check.fact(`${name} end`, told.endNs, real.endNs);
    if (whole) check.fact(`${name} replaced`, told.program.replaced, real.program.replaced);
    check.fact(`${name} forks`, told.program.forks, real.program.forks);
    check.fact(`${name} forksFailed`, told.program.forksFailed, real.program.forksFailed);
  }
  if (whole && !told.program.replaced) check.fact(`${name} exit`, told.program.exit, lastExit(ofProcess));
  check.must(`${name} survivor`, !told.program.survivor || real.program.survivor);
  const allowed = parents.get(refText(real.ref));
  check.must(
    `${name} parent ${parent}`,
    allowed?.has(parent) === true || [...(allowed ?? [])].some((ref) => samePlace(ref, parent)),
  );
}

/** The same process by another exec number: without the kernel's own numbers a lost exec shifts them. */
function samePlace(a: string, b: string): boolean {
  const [kindA, pidA, startA] = a.split(' ');
  const [kindB, pidB, startB] = b.split(' ');
  const ran = (kind: string | undefined): boolean => kind === 'program' || kind === 'helper';
  return ran(kindA) && ran(kindB) && pidA === pidB && startA === startB;
}

function lastExit(runs: readonly Ran[]): unknown {
  return runs.map((run) => run.program.exit).find((exit) => exit !== undefined);
}
