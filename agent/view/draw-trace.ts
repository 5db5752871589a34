/**
 * A trace as a tree for a person at a terminal, and for reviewers of golden files: the same spans give the same characters.
 *
 * ```
 * ● ada from 192.0.2.10:51122  logged in by publickey, ran 2 programs in 1 session, logout after 1.450s
 *   key ssh-ed25519 SHA256:9waHqT7yC0vTKuNVkgFBF5Ph4ShQOFhzb1nB8MdD5nE
 *   login took 0.330s: server worked 0.210s (AuthorizedKeysCommand 0.095s), waited for the client 0.120s
 *    start  duration  pid  result
 *   0.000s    1.450s  812  accepted  ssh.connection
 *   0.000s    0.080s                 ├─ ssh.handshake
 *   …
 *   0.300s    0.100s  820  exit 3    └─ ssh.session  exec 'make deploy'
 *   0.301s    0.099s  820  exit 3       └─ sh -c 'make deploy'  (uid 1000)
 * ```
 */
import { ATTR } from '../span/attributes.ts';
import type { SpanRecord } from '../span/span-record.ts';
import { grouped, secondsOf } from './figures.ts';
import { headline, whoFrom } from './headline.ts';
import { fitLine, lengthOfAll, type Piece, piece, renderLine, wrapPieces } from './line.ts';
import { rowText } from './row-text.ts';
import { numberOf } from './span-facts.ts';
import { type TreeRow, treeOf } from './span-tree.ts';

export interface DrawOptions {
  /** Code points a line; below 40 it is taken as 40. */
  readonly width: number;
  readonly color: boolean;
  /** Show trace and span ids. Default false: they depend on a secret key. */
  readonly ids?: boolean;
  /** Spans of the trace that were let go before, said in a last line. */
  readonly leftOut?: number;
}

interface Row {
  readonly start: string;
  readonly duration: string;
  readonly pid: string;
  readonly id: string;
  readonly result: Piece;
  readonly branches: string;
  readonly below: string;
  readonly text: readonly Piece[];
  readonly more: readonly Piece[];
  readonly note: readonly Piece[];
}

const MIN_WIDTH = 40;

/** All spans of one trace, drawn; lines end in `\n`. Nothing for no spans. */
export function drawTrace(spans: readonly SpanRecord[], options: DrawOptions): string {
  const tree = treeOf(spans);
  const first = tree[0];
  if (first === undefined) return '';
  const width = Math.max(MIN_WIDTH, options.width);
  const origin = first.span.root ? first.span.startNs : earliest(spans);
  const rows = tree.map((row) => rowOf(row, origin, options.ids === true));

  const head: Piece[][] = first.span.root
    ? headline(first.span)
    : [[piece(`● ${whoFrom(first.span)}  connection not over, or its end was not seen`, 'warn')]];
  const lines = head.flatMap((line) => wrapPieces(line, width, '    '));
  if (options.ids === true) lines.push([piece(`  trace ${first.span.traceId}`, 'dim')]);
  const columns = columnsOf(rows);
  lines.push(cells(columns, HEADER, 'dim'));
  for (const row of rows) lines.push(...rowLines(row, columns, width));
  if (options.leftOut !== undefined && options.leftOut > 0) {
    lines.push([piece(`  … and ${grouped(options.leftOut)} earlier spans that are not drawn`, 'warn')]);
  }
  return lines.map((line) => `${renderLine(fitLine(line, [], width), options.color)}\n`).join('');
}

function rowLines(row: Row, columns: Columns, width: number): Piece[][] {
  const left = cells(columns, row, 'plain');
  const used = lengthOfAll(left);
  const room = width - used;
  const branches = piece(shorten(row.branches, room), 'dim');
  const fits = lengthOfAll([branches, ...row.text, ...row.more, ...row.note]) <= room;
  if (fits || row.more.length === 0) {
    return [[...left, ...fitLine([branches, ...row.text, ...row.more], row.note, room)]];
  }
  return [
    [...left, ...fitLine([branches, ...row.text], [], room)],
    [...indentOf(row, used, width), ...fitLine(row.more, row.note, width)],
  ];
}

/** What is before a row's second line: its branches, or blanks only where a fingerprint needs their room. */
function indentOf(row: Row, used: number, width: number): Piece[] {
  const free = width - lengthOfAll([...row.more, ...row.note]);
  const below = shorten(row.below, width - used);
  return free >= used + below.length
    ? [piece(`${' '.repeat(used)}${below}`, 'dim')]
    : [piece(' '.repeat(Math.max(0, free)))];
}

/** One line for a program that ended after its connection; times are those of the program alone. */
export function drawLate(span: SpanRecord, options: DrawOptions): string {
  const { result, text, note } = rowText({ span, branches: '', below: '', parent: undefined, orphan: false });
  const pid = numberOf(span, ATTR.pid);
  const main = [
    piece('○ ', result.look),
    piece(whoFrom(span), 'strong'),
    piece(pid === undefined ? '  ' : `  pid ${pid}  `),
    result,
    piece(` after ${secondsOf(span.endNs - span.startNs)}  `),
    ...text,
  ];
  return `${renderLine(fitLine(main, note, Math.max(MIN_WIDTH, options.width)), options.color)}\n`;
}

const HEADER: Row = {
  start: 'start',
  duration: 'duration',
  pid: 'pid',
  id: 'span',
  result: piece('result'),
  branches: '',
  below: '',
  text: [],
  more: [],
  note: [],
};

function rowOf(row: TreeRow, origin: bigint, ids: boolean): Row {
  const { span } = row;
  const { result, text, more, note } = rowText(row);
  const pid = numberOf(span, ATTR.pid);
  return {
    start: secondsOf(span.startNs - origin),
    duration: secondsOf(span.endNs - span.startNs),
    pid: pid === undefined ? '' : `${pid}`,
    id: ids ? span.spanId : '',
    result,
    branches: row.branches,
    below: row.below,
    text,
    more,
    note,
  };
}

interface Columns {
  readonly start: number;
  readonly duration: number;
  readonly pid: number;
  readonly id: number;
  readonly result: number;
}

function columnsOf(rows: readonly Row[]): Columns {
  const widest = (of: (row: Row) => string): number =>
    rows.reduce((max, row) => Math.max(max, of(row).length), of(HEADER).length);
  return {
    start: widest((row) => row.start),
    duration: widest((row) => row.duration),
    pid: widest((row) => row.pid),
    id: rows.some((row) => row.id !== '') ? widest((row) => row.id) : 0,
    result: widest((row) => row.result.text),
  };
}

function cells(columns: Columns, row: Row, look: 'plain' | 'dim'): Piece[] {
  const numbers = `  ${row.start.padStart(columns.start)}  ${row.duration.padStart(columns.duration)}  ${row.pid.padStart(columns.pid)}  `;
  return [
    piece(numbers, look),
    piece(columns.id === 0 ? '' : `${row.id.padEnd(columns.id)}  `, 'dim'),
    piece(row.result.text, look === 'dim' ? 'dim' : row.result.look),
    piece(' '.repeat(columns.result - row.result.text.length + 2)),
  ];
}

/** A deep tree keeps two thirds of the line for its text: its branches lose their beginning. */
function shorten(branches: string, room: number): string {
  const most = Math.max(6, Math.floor(room / 3));
  return branches.length <= most ? branches : `… ${branches.slice(branches.length - most + 2)}`;
}

function earliest(spans: readonly SpanRecord[]): bigint {
  let first = spans[0]?.startNs ?? 0n;
  for (const { startNs } of spans) if (startNs < first) first = startNs;
  return first;
}
