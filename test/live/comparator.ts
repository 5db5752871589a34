/** What spans say and what witnesses say, as plain lines of the same form, and what differs. */
import { ATTR } from '../../agent/span/attributes.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import type { Transcript } from './witness/client-transcript.ts';
import type { LoggedConnection } from './witness/server-log.ts';
import type { StraceFact } from './witness/strace.ts';

/** Lines that only one side has. Both empty: they agree. */
export interface Difference {
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

/** Compares as multisets; `missing` is what the witness said and the spans don't. */
export function difference(witness: readonly string[], spans: readonly string[]): Difference {
  const extra = [...spans];
  const missing = witness.filter((line) => {
    const found = extra.indexOf(line);
    if (found >= 0) extra.splice(found, 1);
    return found < 0;
  });
  return { missing, extra };
}

const text = (span: SpanRecord, name: string): string => String(span.attributes[name] ?? '?');

/** `publickey SHA256:… rejected`, `password accepted`, in order. A key that was asked about and then signed with is one. */
export function attemptsOfSpans(spans: readonly SpanRecord[]): string[] {
  const ordinal = (span: SpanRecord) => Number(span.attributes[ATTR.attemptOrdinal]);
  return spans
    .filter((span) => span.name === 'ssh.auth.attempt' && text(span, ATTR.authResult) !== 'acceptable')
    .sort((a, b) => ordinal(a) - ordinal(b))
    .map((span) =>
      attemptLine(text(span, ATTR.authMethod), span.attributes[ATTR.keyFingerprint], text(span, ATTR.authResult)),
    );
}

export function attemptsOfTranscript(transcript: Transcript): string[] {
  return transcript.attempts.map((attempt) => attemptLine(attempt.method, attempt.fingerprint, attempt.result));
}

export function attemptsOfLog(connection: LoggedConnection): string[] {
  return connection.attempts
    .filter((attempt) => attempt.result !== 'postponed')
    .map((attempt) =>
      attemptLine(attempt.method, attempt.fingerprint, attempt.result === 'failed' ? 'rejected' : attempt.result),
    );
}

function attemptLine(method: string, fingerprint: unknown, result: string): string {
  return [method, ...(fingerprint === undefined ? [] : [String(fingerprint)]), result].join(' ');
}

/**
 * `PID below PARENT-PID ["argv",…] exit 0`, one for each program that a process ran; parent is the next that ran one.
 * @param firstLine of a file, if it begins with `#!`: the kernel then starts its interpreter, with another argv
 */
export function programsOfStrace(
  facts: readonly StraceFact[],
  monitorPid: number,
  firstLine: (file: string) => string | undefined,
): string[] {
  // All forks first: after a vfork the child's exec is seen before the parent's call returns.
  const parentOf = new Map(facts.flatMap((fact) => (fact.kind === 'fork' ? [[fact.child, fact.pid] as const] : [])));
  const ancestors = (pid: number): number[] => {
    const parent = parentOf.get(pid);
    return parent === undefined || pid === monitorPid ? [] : [parent, ...ancestors(parent)];
  };
  const programs = new Map<number, { readonly argv: readonly string[]; readonly parent: number }[]>();
  const ends = new Map<number, string>();
  for (const fact of facts) {
    if (fact.kind === 'end') ends.set(fact.pid, fact.signal ?? `exit ${fact.code}`);
    if (fact.kind !== 'exec' || !ancestors(fact.pid).includes(monitorPid)) continue;
    if (isServerItself(fact.file, fact.argv)) continue;
    const parent = ancestors(fact.pid).find((pid) => programs.has(pid)) ?? 0;
    const interpreter = interpreterOf(firstLine(fact.file));
    const argv = interpreter === undefined ? fact.argv : [...interpreter, fact.file, ...fact.argv.slice(1)];
    programs.set(fact.pid, [...(programs.get(fact.pid) ?? []), { argv, parent }]);
  }
  return [...programs].flatMap(([pid, list]) =>
    list.map(({ argv, parent }, index) => {
      const args = argv.map((arg) => Buffer.from(arg, 'latin1').toString('utf8'));
      return programLine(pid, parent, args, index < list.length - 1 ? 'replaced' : (ends.get(pid) ?? 'runs'));
    }),
  );
}

/** The kernel's rule (`fs/binfmt_script.c`): path and at most one argument, which may hold blanks. */
function interpreterOf(firstLine: string | undefined): string[] | undefined {
  const parts = /^#![ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*$/.exec(firstLine ?? '');
  return parts === null
    ? undefined
    : [parts[1] ?? '', ...(parts[2] === undefined || parts[2] === '' ? [] : [parts[2]])];
}

function isServerItself(file: string, argv: readonly string[]): boolean {
  return /(^|\/)sshd(-session|-auth)?$/.test(file) && argv.at(-1) === '-R';
}

/** The same of spans; those of what sshd itself runs included. */
export function programsOfSpans(spans: readonly SpanRecord[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  return spans.filter(isProgram).map((span) => {
    const parent = byId.get(span.parentSpanId ?? '');
    const parentPid = parent !== undefined && isProgram(parent) ? Number(parent.attributes[ATTR.pid]) : 0;
    const args = span.attributes[ATTR.commandArgs];
    return programLine(Number(span.attributes[ATTR.pid]), parentPid, Array.isArray(args) ? args : ['?'], endOf(span));
  });
}

export function isProgram(span: SpanRecord): boolean {
  return span.attributes[ATTR.executableName] !== undefined;
}

function endOf(span: SpanRecord): string {
  if (span.attributes[ATTR.replaced] === true) return 'replaced';
  const signal = span.attributes[ATTR.exitSignal];
  return signal !== undefined ? String(signal) : `exit ${text(span, ATTR.exitCode)}`;
}

function programLine(pid: number, parentPid: number, args: readonly string[], end: string): string {
  return `${pid} below ${parentPid} ${JSON.stringify(args)} ${end}`;
}
