/** What one row of a drawing says: the result in its column, the text beside the branches, and notes. */
import { ATTR, HELPER_NAMES, SPAN_NAMES } from '../span/attributes.ts';
import type { SpanRecord } from '../span/span-record.ts';
import { quoteArg } from './escape.ts';
import { counted, secondsOf } from './figures.ts';
import { type Look, type Piece, piece } from './line.ts';
import { isSet, listOf, numberOf, textOf } from './span-facts.ts';
import type { TreeRow } from './span-tree.ts';

/** Arguments beyond are never drawn: they would be cut, and a million of them take their time. */
const MAX_DRAWN_CHARACTERS = 4_000;

export interface RowText {
  readonly result: Piece;
  /** Cut where the line ends. */
  readonly text: readonly Piece[];
  /** On a line of its own where the first has no room for it. */
  readonly more: readonly Piece[];
  /** Short, and never cut. */
  readonly note: readonly Piece[];
}

const HELPERS: ReadonlySet<string> = new Set(Object.values(HELPER_NAMES));

/** Only the agent's own spans begin with `ssh.`; everything else is a program that somebody ran. */
export function rowText(row: TreeRow): RowText {
  const { span } = row;
  const notes = [...ownNotes(row), ...commonNotes(row)];
  const note = notes.length === 0 ? [] : [piece(`  (${notes.join(', ')})`, 'warn')];
  if (!span.name.startsWith('ssh.')) return { result: exitOf(span), text: programText(span), more: [], note };
  const owner = textOf(span, ATTR.spentBy);
  if (owner !== undefined) {
    return { result: piece(owner, 'dim'), text: [piece(span.name, 'dim')], more: [], note };
  }
  const name = piece(span.name, 'strong');
  if (HELPERS.has(span.name)) {
    return { result: exitOf(span), text: [name, piece('  '), ...programText(span)], more: heldUp(span), note };
  }
  const result = resultOf(span);
  return { result, text: [name, ...details(span)], more: keyText(span), note };
}

/** Exit code, signal, or why there is none. */
export function exitOf(span: SpanRecord): Piece {
  const signal = textOf(span, ATTR.exitSignal);
  if (signal !== undefined) return piece(signal, 'bad');
  const code = numberOf(span, ATTR.exitCode);
  if (code !== undefined) return piece(`exit ${code}`, code === 0 ? 'good' : 'bad');
  if (isSet(span, ATTR.replaced)) return piece('replaced', 'dim');
  if (textOf(span, ATTR.sessionEndedBy) === 'connection') return piece('left', 'warn');
  return piece('exit ?', 'warn');
}

/** The arguments of what ran, and before them its name where they don't begin with it. */
export function programText(span: SpanRecord): Piece[] {
  const args = listOf(span, ATTR.commandArgs);
  const name = textOf(span, ATTR.executableName) ?? span.name;
  if (args.length === 0) return [piece(name, 'strong'), piece('  (arguments not known)', 'dim')];
  const [first = '', ...rest] = args;
  // A login shell is told so by a dash before its name; a script comes after its interpreter, at most one option between.
  const shown = [first.replace(/^-/, ''), rest[0], rest[1]].some((arg) => arg !== undefined && baseName(arg) === name);
  const head = shown ? [] : [piece(`${name}: `, 'strong')];
  let line = '';
  for (const arg of rest) {
    if (line.length > MAX_DRAWN_CHARACTERS) break;
    line += ` ${quoteArg(arg.slice(0, MAX_DRAWN_CHARACTERS))}`;
  }
  return [...head, piece(quoteArg(first), shown ? 'strong' : 'plain'), piece(line)];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function resultOf(span: SpanRecord): Piece {
  if (span.name === SPAN_NAMES.session) return exitOf(span);
  if (span.name === SPAN_NAMES.file) return piece(textOf(span, ATTR.fileError) ?? '', 'warn');
  if (span.name !== SPAN_NAMES.forward) return authResultOf(span);
  const result = textOf(span, ATTR.forwardResult) ?? '';
  return piece(result, result === 'opened' ? 'good' : 'warn');
}

/** `to HOST:PORT`, `x11 listens on …`, `agent used on PATH`. */
function forwardWords(span: SpanRecord): string[] {
  const type = textOf(span, ATTR.forwardType) ?? '';
  const listens = textOf(span, ATTR.forwardOperation) === 'listen';
  const verb = textOf(span, ATTR.forwardDirection) === 'local' ? 'to' : listens ? 'listens on' : 'used on';
  const remote = verb !== 'to';
  const port = numberOf(span, remote ? ATTR.localPort : ATTR.peerPort);
  const host = textOf(span, remote ? ATTR.localAddress : ATTR.peerAddress) ?? textOf(span, ATTR.forwardTarget) ?? '?';
  const path = textOf(span, ATTR.forwardPath) ?? (port === undefined ? '?' : undefined);
  const end = path === undefined ? `${host.includes(':') ? `[${host}]` : host}:${port}` : quoteArg(path);
  return [type === 'agent' || type === 'x11' ? type : '', verb, end];
}

const RESULT_LOOKS: Readonly<Record<string, Look>> = { accepted: 'good', acceptable: 'good', partial: 'good' };

function authResultOf(span: SpanRecord): Piece {
  const result = textOf(span, ATTR.authResult);
  if (result === undefined) return piece(span.status === 'error' ? 'failed' : '', 'bad');
  return piece(result, RESULT_LOOKS[result] ?? (span.status === 'error' ? 'bad' : 'warn'));
}

function details(span: SpanRecord): Piece[] {
  const words: string[] = [];
  switch (span.name) {
    case SPAN_NAMES.attempt: {
      const ordinal = numberOf(span, ATTR.attemptOrdinal);
      if (ordinal !== undefined) words.push(`#${ordinal}`);
      words.push(textOf(span, ATTR.authMethod) ?? 'method not known');
      if (isSet(span, ATTR.attemptQuery)) words.push('query');
      break;
    }
    case SPAN_NAMES.auth: {
      const failed = numberOf(span, ATTR.authFailedAttempts) ?? 0;
      words.push(
        `${counted(numberOf(span, ATTR.authAttempts) ?? 0, 'attempt')}${failed > 0 ? `, ${failed} refused` : ''}`,
      );
      break;
    }
    case SPAN_NAMES.forward: {
      words.push(...forwardWords(span));
      const received = numberOf(span, ATTR.forwardReceivedBytes);
      const sent = numberOf(span, ATTR.forwardSentBytes);
      if (received !== undefined && sent !== undefined) words.push(`(${sent} bytes sent, ${received} received)`);
      break;
    }
    case SPAN_NAMES.file:
      words.push(...fileWords(span));
      break;
    case SPAN_NAMES.session: {
      for (const name of [ATTR.sessionType, ATTR.subsystem, ATTR.tty]) words.push(textOf(span, name) ?? '');
      const command = textOf(span, ATTR.sessionCommand);
      if (command !== undefined) words.push(quoteArg(command));
      const asked = textOf(span, ATTR.requestedCommand);
      if (asked !== undefined) words.push(`instead of ${quoteArg(asked)}`);
      break;
    }
    default:
  }
  const text = words.filter((word) => word !== '').join(' ');
  return text === '' ? [] : [piece(`  ${text}`)];
}

/** What was done with which file, and how much of it. */
function fileWords(span: SpanRecord): string[] {
  const words = [(textOf(span, ATTR.fileOperation) ?? '').replace('_', ' and ')];
  words.push(quoteArg(textOf(span, ATTR.filePath) ?? '?'));
  const target = textOf(span, ATTR.fileTarget);
  if (target !== undefined) words.push(`→ ${quoteArg(target)}`);
  const read = numberOf(span, ATTR.fileReadBytes) ?? 0;
  const written = numberOf(span, ATTR.fileWrittenBytes) ?? 0;
  const amounts = [written > 0 ? `${written} bytes written` : '', read > 0 ? `${read} bytes read` : ''];
  const amount = amounts.filter((one) => one !== '').join(', ');
  return amount === '' ? words : [...words, `(${amount})`];
}

function keyText(span: SpanRecord): Piece[] {
  if (span.name !== SPAN_NAMES.attempt) return [];
  const words = [textOf(span, ATTR.keyType), textOf(span, ATTR.keyFingerprint)];
  const certificate = textOf(span, ATTR.certificateId);
  if (certificate !== undefined) words.push(`certificate ${quoteArg(certificate)}`);
  const known = words.filter((word) => word !== undefined);
  return known.length === 0 ? [] : [piece(`  ${known.join(' ')}`)];
}

/** sshd waits for these from fork to exit, and so does the client. */
function heldUp(span: SpanRecord): Piece[] {
  if (span.name !== HELPER_NAMES.authorized_keys_command && span.name !== HELPER_NAMES.authorized_principals_command) {
    return [];
  }
  return [piece(`  held the login up for ${secondsOf(span.endNs - span.startNs)}`, 'warn')];
}

function ownNotes(row: TreeRow): string[] {
  const { span } = row;
  const notes: string[] = [];
  const uid = numberOf(span, ATTR.effectiveUid);
  if (uid !== undefined && uid !== uidAbove(row)) notes.push(`uid ${uid}`);
  if (isSet(span, ATTR.argsTruncated)) {
    const count = numberOf(span, ATTR.argsCount);
    const elements = count === undefined ? '' : ` in ${counted(count, 'argument')}`;
    notes.push(`cut, ${counted(numberOf(span, ATTR.argsBytes) ?? 0, 'byte')}${elements}`);
  }
  const forks = numberOf(span, ATTR.forks);
  const failed = numberOf(span, ATTR.forksFailed);
  if (forks !== undefined) notes.push(`${counted(forks, 'fork')}${failed === undefined ? '' : `, ${failed} failed`}`);
  if (textOf(span, ATTR.sessionEndedBy) === 'connection') notes.push('still ran when its connection ended');
  const files = numberOf(span, ATTR.fileOperations);
  if (files !== undefined) {
    const hidden = numberOf(span, ATTR.fileOperationsNotTold);
    notes.push(`${counted(files, 'file operation')}${hidden === undefined ? '' : `, ${hidden} of them only counted`}`);
  }
  if (isSet(span, ATTR.fileUnclosed)) notes.push('not closed');
  if (isSet(span, ATTR.survivor)) notes.push('outlived its connection');
  if (isSet(span, ATTR.coreDumped)) notes.push('core dumped');
  return notes;
}

function commonNotes(row: TreeRow): string[] {
  const { span } = row;
  const notes: string[] = [];
  const redactions = numberOf(span, ATTR.redactions);
  if (redactions !== undefined) notes.push(`${counted(redactions, 'secret')} hidden`);
  if (isSet(span, ATTR.startUnknown)) notes.push('start not seen');
  if (isSet(span, ATTR.endUnknown)) notes.push('end not seen');
  if (!span.root) notes.push(...listOf(span, ATTR.incompleteReasons).map((reason) => reason.replaceAll('_', ' ')));
  if (row.orphan) notes.push('parent not seen');
  return notes;
}

/** User id of the nearest program above, so that only a change is drawn. */
function uidAbove(row: TreeRow): number | undefined {
  for (let above = row.parent; above !== undefined; above = above.parent) {
    const uid = numberOf(above.span, ATTR.effectiveUid);
    if (uid !== undefined) return uid;
  }
  return undefined;
}
