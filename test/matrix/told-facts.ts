/** What spans tell, as facts. */
import { ATTR } from '../../agent/span/attributes.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { distinct, type Fact, type FactKind } from './facts.ts';

/** Names that sshd uses for key types. */
const KEY_NAMES: readonly (readonly [start: string, name: string])[] = [
  ['ssh-ed25519-cert', 'ED25519-CERT'],
  ['ssh-ed25519', 'ED25519'],
  ['ecdsa-sha2', 'ECDSA'],
  ['ssh-rsa', 'RSA'],
];

/** Adds a fact, unless its value is not told. */
export type Tell = (kind: FactKind, key: string, value: unknown) => void;

/** All spans of a run, of any number of connections. */
export function toldFacts(spans: readonly SpanRecord[]): Fact[] {
  const facts: Fact[] = [];
  const tell: Tell = (kind, key, value) => {
    if (value !== undefined) facts.push({ kind, key, value: String(value) });
  };
  const byConnection = Map.groupBy(spans, (span) => String(span.attributes[ATTR.connectionId]));
  const roots = spans.filter((span) => span.root && !(Number(span.attributes[ATTR.segment]) > 0)).sort(byStart);
  const name = distinct();
  for (const root of roots) {
    const own = byConnection.get(String(root.attributes[ATTR.connectionId])) ?? [];
    tellConnection(tell, name(String(root.attributes[ATTR.clientAddress])), root, own);
  }
  return facts;
}

function tellConnection(tell: Tell, key: string, root: SpanRecord, spans: readonly SpanRecord[]): void {
  const is = (name: string) => root.attributes[name];
  tell('peer', key, `${is(ATTR.clientAddress)}:${is(ATTR.clientPort)}`);
  tell('monitor', key, is(ATTR.pid));
  tell('family', key, is(ATTR.processFamily));
  tell('whole', key, is(ATTR.incomplete) === true ? 'no' : 'yes');
  tell('user', key, is(ATTR.userName));
  tell('valid', key, is(ATTR.userValid));
  tell('login', key, is(ATTR.authResult) === 'accepted' ? 'yes' : 'no');
  if (is(ATTR.authResult) === 'accepted') {
    tell('method', key, is(ATTR.authMethod));
    tell('login-key', key, is(ATTR.keyFingerprint));
  }
  tell('end', key, is(ATTR.disconnectReason));
  tell('monitor-exit', key, exitOf(root));
  if (is(ATTR.receivedBytes) !== undefined)
    tell('bytes', key, `${is(ATTR.receivedBytes)} received, ${is(ATTR.sentBytes)} sent`);
  tell('login-uid', key, is(ATTR.loginUid));
  tell('audit-session', key, is(ATTR.auditSession));
  tell('container', key, containerOf(root));
  const attempts = ordered(spans, 'ssh.auth.attempt');
  for (const [index, span] of attempts.entries()) tellAttempt(tell, `${key} attempt ${index + 1}`, span);
  const sessions = ordered(spans, 'ssh.session');
  for (const [index, span] of sessions.entries()) {
    tellSession(tell, `${key} session ${index + 1}`, span);
    tellFiles(tell, `${key} session ${index + 1}`, span, spans);
  }
  const what = distinct();
  for (const span of ordered(spans, 'ssh.port_forward')) tellForward(tell, (name) => `${key} ${what(name)}`, span);
  tellPrograms(tell, key, spans, attempts, sessions);
}

/** Named by where sshd listens, or what it connects to. */
function tellForward(tell: Tell, keyOf: (name: string) => string, span: SpanRecord): void {
  const is = (name: string) => span.attributes[name];
  const connects = is(ATTR.forwardOperation) === 'connect';
  const host = is(connects ? ATTR.peerAddress : ATTR.localAddress) ?? is(ATTR.forwardTarget) ?? '?';
  const end = is(ATTR.forwardPath) ?? `${host}:${is(connects ? ATTR.peerPort : ATTR.localPort) ?? '?'}`;
  const key = keyOf(`${is(ATTR.forwardOperation)} ${end}`);
  tell('forward', key, `${is(ATTR.forwardType) ?? '?'} ${is(ATTR.forwardResult) ?? '?'}`);
  if (is(ATTR.forwardReceivedBytes) === undefined) return;
  tell('forward-bytes', key, `${is(ATTR.forwardReceivedBytes)} received, ${is(ATTR.forwardSentBytes)} sent`);
}

function tellAttempt(tell: Tell, key: string, span: SpanRecord): void {
  const is = (name: string) => span.attributes[name];
  const type = is(ATTR.keyType);
  const key_ = type === undefined ? [] : [keyName(String(type)), is(ATTR.keyFingerprint) ?? '?'];
  const query = is(ATTR.attemptQuery) === true ? ['query'] : [];
  tell('attempt', key, [is(ATTR.authMethod) ?? '?', ...query, ...key_, is(ATTR.authResult) ?? '?'].join(' '));
  const certificate = [ATTR.certificateId, ATTR.certificateSerial, ATTR.certificateAuthority].map(is);
  if (certificate[0] !== undefined) tell('certificate', key, certificate.join(' '));
}

function keyName(type: string): string {
  return KEY_NAMES.find(([start]) => type.startsWith(start))?.[1] ?? type;
}

function tellSession(tell: Tell, key: string, span: SpanRecord): void {
  const is = (name: string) => span.attributes[name];
  const subsystem = is(ATTR.subsystem);
  tell('session', key, [is(ATTR.sessionType) ?? '?', ...(subsystem === undefined ? [] : [subsystem])].join(' '));
  tell('tty', key, is(ATTR.tty));
  tell('command', key, is(ATTR.sessionCommand));
  tell('requested', key, is(ATTR.requestedCommand));
  tell('session-exit', key, exitOf(span));
  tell('session-end', key, is(ATTR.sessionEndedBy));
  for (const link of span.links) if (link.remote) tell('link', key, `${link.traceId} ${link.spanId}`);
}

function tellFiles(tell: Tell, key: string, session: SpanRecord, spans: readonly SpanRecord[]): void {
  const is = (name: string) => session.attributes[name];
  const files = ordered(spans, 'ssh.file').filter((span) => span.attributes[ATTR.sessionId] === session.spanId);
  for (const [index, span] of files.entries()) tell('file', `${key} file ${index + 1}`, fileText(span));
  const failed = is(ATTR.fileOperationsFailed) ?? 0;
  const bytes = `read ${is(ATTR.sessionFileReadBytes)} written ${is(ATTR.sessionFileWrittenBytes)}`;
  if (is(ATTR.fileOperations) !== undefined)
    tell('files', key, `${is(ATTR.fileOperations)}, ${failed} failed, ${bytes}`);
}

function fileText({ attributes }: SpanRecord): string {
  const target = attributes[ATTR.fileTarget];
  const read = attributes[ATTR.fileReadBytes];
  const words = [
    attributes[ATTR.fileOperation],
    `${attributes[ATTR.filePath]}${target === undefined ? '' : ` -> ${target}`}`,
    attributes[ATTR.fileError],
    read === undefined ? undefined : `read ${read} written ${attributes[ATTR.fileWrittenBytes]}`,
    attributes[ATTR.fileUnclosed] === true ? 'not closed' : undefined,
  ];
  return words.filter((word) => word !== undefined).join(' ');
}

function tellPrograms(
  tell: Tell,
  connection: string,
  spans: readonly SpanRecord[],
  attempts: readonly SpanRecord[],
  sessions: readonly SpanRecord[],
): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const programs = spans.filter((span) => span.attributes[ATTR.executableName] !== undefined).sort(byStart);
  const siblings = new Map<string, string[]>();
  const names = programNames(programs);
  const programName = (span: SpanRecord) => names.get(span) ?? '?';
  for (const span of programs) {
    const key = `${connection} ${programName(span)}`;
    const is = (name: string) => span.attributes[name];
    tell('program', key, JSON.stringify(is(ATTR.commandArgs) ?? '?'));
    tell('exit', key, is(ATTR.replaced) === true ? 'replaced' : exitOf(span));
    tell('forks', key, is(ATTR.forks));
    tell('container', key, containerOf(span));
    tell('failed-execs', key, is(ATTR.failedExecs));
    tell('survivor', key, is(ATTR.survivor));
    tell('time', `${key} end`, milliseconds(span.endNs));
    const parent = byId.get(span.parentSpanId ?? '');
    const forker = parent !== undefined && parent.attributes[ATTR.executableName] !== undefined ? parent : undefined;
    tell('parent', key, forker === undefined ? 'none' : programName(forker));
    const session = sessionAbove(span, byId);
    const placed = session === undefined ? placeOf(span, byId) : `session ${sessions.indexOf(session) + 1}`;
    tell('owner', key, placed);
    const family = `${connection} ${forker === undefined ? (session === undefined ? 'helpers' : placed) : programName(forker)}`;
    siblings.set(family, [...(siblings.get(family) ?? []), programName(span)]);
    const started = span.name.startsWith('ssh.') ? 'fork' : 'exec';
    tell('time', `${key} ${started}`, milliseconds(span.startNs));
    if (!/^ssh\.authorized_(?:keys|principals)_command$/.test(span.name)) continue;
    const served = attempts.findIndex((attempt) => attempt.spanId === span.parentSpanId);
    tell('keys-command', key, `for attempt ${served + 1} as ${is(ATTR.effectiveUid)}`);
  }
  for (const [key, order] of siblings) tell('order', key, order.join(', '));
}

/**
 * `program PID` of its first program, `PID exec 2` of its second; `PID again 1` of the next process with this number: its
 * programs are counted anew.
 */
function programNames(programs: readonly SpanRecord[]): Map<SpanRecord, string> {
  const names = new Map<SpanRecord, string>();
  const last = new Map<unknown, { again: number; exec: number }>();
  for (const span of programs) {
    const pid = span.attributes[ATTR.pid];
    const exec = Number(span.attributes[ATTR.execNumber] ?? 1);
    const before = last.get(pid);
    const again = before === undefined ? 0 : before.again + (exec <= before.exec ? 1 : 0);
    last.set(pid, { again, exec });
    names.set(span, `program ${pid}${again === 0 ? '' : ` again ${again}`}${exec === 1 ? '' : ` exec ${exec}`}`);
  }
  return names;
}

function sessionAbove(span: SpanRecord, byId: ReadonlyMap<string, SpanRecord>): SpanRecord | undefined {
  for (let at = byId.get(span.parentSpanId ?? ''); at !== undefined; at = byId.get(at.parentSpanId ?? '')) {
    if (at.name === 'ssh.session') return at;
  }
  return undefined;
}

/** Name of the helper's span that it is or lies below. */
function placeOf(span: SpanRecord, byId: ReadonlyMap<string, SpanRecord>): string {
  for (let at: SpanRecord | undefined = span; at !== undefined; at = byId.get(at.parentSpanId ?? '')) {
    if (at.name.startsWith('ssh.')) return at.name;
  }
  return 'nowhere';
}

function exitOf(span: SpanRecord): string | undefined {
  const signal = span.attributes[ATTR.exitSignal];
  const core = span.attributes[ATTR.coreDumped] === true ? ' core' : '';
  if (signal !== undefined) return `${signal}${core}`;
  const code = span.attributes[ATTR.exitCode];
  return code === undefined ? undefined : `exit ${code}`;
}

function containerOf({ attributes }: SpanRecord): string | undefined {
  const [id, pod] = [attributes[ATTR.containerId], attributes[ATTR.podUid]];
  return id === undefined && pod === undefined ? undefined : `${id ?? '?'} ${pod ?? '?'}`;
}

function ordered(spans: readonly SpanRecord[], name: string): SpanRecord[] {
  return spans.filter((span) => span.name === name).sort(byStart);
}

function byStart(a: SpanRecord, b: SpanRecord): number {
  return a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0;
}

function milliseconds(ns: bigint): number {
  return Number(ns / 1000n) / 1000;
}
