/**
 * Spans come one by one, their roots last; a drawing needs a trace whole. The book keeps what has come until the root is
 * there. It never keeps more than it was allowed: what goes first is what came first, and that is always below what stays,
 * so a tree loses leaves and never its middle.
 */
import { ATTR } from '../span/attributes.ts';
import type { SpanRecord } from '../span/span-record.ts';
import { isSet } from './span-facts.ts';

export interface TraceBookOptions {
  /** Spans kept of one trace. Default 2000: more is no longer read by anybody. */
  readonly maxSpansPerTrace?: number;
  /** Spans kept in all. Default 200000, some 200 MB. */
  readonly maxSpans?: number;
  /** Traces whose root has not come; beyond, the oldest is forgotten. Default 20000. */
  readonly maxTraces?: number;
  /** Finished traces that are remembered, to know a late span by. Default 10000. */
  readonly maxFinished?: number;
}

/** What is ready to be drawn. */
export type Drawable =
  | { readonly type: 'trace'; readonly spans: readonly SpanRecord[]; readonly leftOut: number }
  /** Ended after its connection, whose trace was handed out before. */
  | { readonly type: 'late'; readonly span: SpanRecord };

interface Page {
  readonly spans: Set<SpanRecord>;
  leftOut: number;
}

export class TraceBook {
  readonly #maxSpansPerTrace: number;
  readonly #maxSpans: number;
  readonly #maxTraces: number;
  readonly #maxFinished: number;
  /** By trace id, oldest first. */
  readonly #pages = new Map<string, Page>();
  /** Ids of finished traces, oldest first. */
  readonly #finished = new Set<string>();
  #kept = 0;

  constructor(options: TraceBookOptions = {}) {
    this.#maxSpansPerTrace = options.maxSpansPerTrace ?? 2_000;
    this.#maxSpans = options.maxSpans ?? 200_000;
    this.#maxTraces = options.maxTraces ?? 20_000;
    this.#maxFinished = options.maxFinished ?? 10_000;
  }

  /** Spans kept now. */
  get size(): number {
    return this.#kept;
  }

  /** Everything that became ready by these spans, in their order. */
  add(spans: readonly SpanRecord[]): Drawable[] {
    return spans.flatMap((span) => this.#addOne(span) ?? []);
  }

  /** What has no root yet: for the end of a stream. The book is empty afterwards. */
  flush(): Drawable[] {
    const rest = [...this.#pages.values()].map(toDrawable);
    this.#pages.clear();
    this.#kept = 0;
    return rest;
  }

  #addOne(span: SpanRecord): Drawable | undefined {
    // Only stands in for a span to come, which is what gets drawn.
    if (isSet(span, ATTR.pending)) return undefined;
    if (this.#finished.has(span.traceId)) return { type: 'late', span };
    const page = this.#pages.get(span.traceId);
    if (page === undefined && isSet(span, ATTR.survivor)) return { type: 'late', span };
    const kept = page ?? this.#open(span.traceId);
    kept.spans.add(span);
    this.#kept++;
    if (span.root) return this.#finish(span.traceId, kept);
    if (kept.spans.size > this.#maxSpansPerTrace || this.#kept > this.#maxSpans) this.#leaveOut(kept);
    return undefined;
  }

  #open(traceId: string): Page {
    const page: Page = { spans: new Set(), leftOut: 0 };
    this.#pages.set(traceId, page);
    const [oldest] = this.#pages;
    if (oldest !== undefined && this.#pages.size > this.#maxTraces) {
      this.#pages.delete(oldest[0]);
      this.#kept -= oldest[1].spans.size;
    }
    return page;
  }

  #finish(traceId: string, page: Page): Drawable {
    this.#pages.delete(traceId);
    this.#kept -= page.spans.size;
    this.#finished.add(traceId);
    const [oldest] = this.#finished;
    if (oldest !== undefined && this.#finished.size > this.#maxFinished) this.#finished.delete(oldest);
    return toDrawable(page);
  }

  /** Lets one span go: the first that is no part of the login, no session and no failure; else the first of all. */
  #leaveOut(page: Page): void {
    const [first] = page.spans;
    let victim = first;
    for (const span of page.spans) {
      if (span.priority === 0 || span.name.startsWith('ssh.')) continue;
      victim = span;
      break;
    }
    if (victim === undefined) return;
    page.spans.delete(victim);
    page.leftOut++;
    this.#kept--;
  }
}

function toDrawable(page: Page): Drawable {
  return { type: 'trace', spans: [...page.spans], leftOut: page.leftOut };
}
