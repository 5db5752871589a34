/** Spans of one trace in the order of a drawing: parents before children, siblings by start. */
import type { SpanRecord } from '../span/span-record.ts';

export interface TreeRow {
  readonly span: SpanRecord;
  /** Branches before the text, three characters a level: `│  └─ `. */
  readonly branches: string;
  /** The same for a second line of the row: `│  │  `. */
  readonly below: string;
  readonly parent: TreeRow | undefined;
  /** Its parent is named, and not among the spans. */
  readonly orphan: boolean;
}

/** Every span exactly once, whatever their parents say. Orphans stand at the top level, after the root. */
export function treeOf(spans: readonly SpanRecord[]): TreeRow[] {
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, SpanRecord[]>();
  const top: SpanRecord[] = [];
  for (const span of spans) {
    const { parentSpanId } = span;
    if (parentSpanId === undefined || !ids.has(parentSpanId)) {
      top.push(span);
      continue;
    }
    const siblings = children.get(parentSpanId);
    if (siblings === undefined) children.set(parentSpanId, [span]);
    else siblings.push(span);
  }
  top.sort((a, b) => (a.root === b.root ? byStart(a, b) : a.root ? -1 : 1));

  const rows: TreeRow[] = [];
  const seen = new Set<SpanRecord>();
  // Chains of forks may be thousands deep: a stack of our own, not the engine's.
  const stack: { span: SpanRecord; parent: TreeRow | undefined; branches: string; indent: string }[] = top
    .map((span) => ({ span, parent: undefined, branches: '', indent: '' }))
    .reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { span, parent, branches, indent } = next;
    if (seen.has(span)) continue;
    seen.add(span);
    const below = (children.get(span.spanId) ?? []).sort(byStart);
    const row: TreeRow = {
      span,
      branches,
      below: `${indent}${below.length > 0 ? '│  ' : '   '}`,
      parent,
      orphan: parent === undefined && span.parentSpanId !== undefined,
    };
    rows.push(row);
    for (const [i, child] of [...below.entries()].reverse()) {
      const last = i === below.length - 1;
      stack.push({
        span: child,
        parent: row,
        branches: `${indent}${last ? '└─ ' : '├─ '}`,
        indent: `${indent}${last ? '   ' : '│  '}`,
      });
    }
  }
  // A circle of parents hangs on nothing; it is told all the same.
  for (const span of spans) {
    if (!seen.has(span)) rows.push({ span, branches: '', below: '   ', parent: undefined, orphan: true });
  }
  return rows;
}

/** By start; what starts together is drawn longest first. Further ties keep the order in which they were told. */
function byStart(a: SpanRecord, b: SpanRecord): number {
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  if (a.endNs !== b.endNs) return a.endNs > b.endNs ? -1 : 1;
  return 0;
}
