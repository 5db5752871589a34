import type { ExportOptions } from '../export/options.ts';
import { type ExportCounters, SpanExport } from '../export/span-export.ts';
import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import { type DrawOptions, drawLate, drawTrace } from '../view/draw-trace.ts';
import { type Drawable, TraceBook } from '../view/trace-book.ts';
import type { CommandContext } from './command.ts';
import { drained } from './drained.ts';
import type { Log } from './log.ts';

/** What a person's terminal may be behind by, in UTF-16 units, before drawings are left out. */
const MAX_UNDRAWN = 16 * 1024 * 1024;

export interface OutputOptions {
  readonly draw: boolean;
  readonly ids: boolean;
  readonly export: ExportOptions;
}

export interface OutputResult {
  /** Every span that was to be exported was taken by the collector. */
  readonly complete: boolean;
  readonly exported: number;
  /** Traces drawn. */
  readonly drawn: number;
}

/** Where finished spans go: the terminal, a collector, or both. */
export class SpanOutput {
  readonly #context: Pick<CommandContext, 'stdout' | 'env'>;
  readonly #log: Log;
  readonly #options: OutputOptions;
  readonly #book: TraceBook | undefined;
  readonly #exporter: SpanExport | undefined;
  #drawn = 0;
  #undrawn = 0;
  #terminalGone = false;

  constructor(options: OutputOptions, context: Pick<CommandContext, 'stdout' | 'env'>, log: Log) {
    this.#options = options;
    this.#context = context;
    this.#log = log;
    this.#book = options.draw ? new TraceBook() : undefined;
    this.#exporter = options.export.enabled ? new SpanExport(options.export, log) : undefined;
    // Whoever read our drawings has left: that is no reason to stop exporting.
    context.stdout.on('error', () => {
      this.#terminalGone = true;
    });
  }

  /** Nobody reads what is drawn, and nothing is exported. */
  get abandoned(): boolean {
    return this.#terminalGone && this.#exporter === undefined;
  }

  /** Traces drawn so far. */
  get drawn(): number {
    return this.#drawn;
  }

  /** Where every span went; undefined: none is exported. */
  get exported(): ExportCounters | undefined {
    return this.#exporter?.counters;
  }

  /** Sends by other options from now on. */
  reconfigure(options: ExportOptions): void {
    this.#exporter?.reconfigure(options);
  }

  /** Takes spans over; never waits. @param held finished spans that are still held back */
  accept(spans: readonly SpanRecord[], resource: ResourceRecord, held = 0): void {
    this.#exporter?.accept(spans, resource, held);
    for (const drawable of this.#book?.add(spans) ?? []) this.#draw(drawable);
  }

  /** For a replay, which makes spans faster than anybody takes them: resolves when there is room for more. */
  async room(): Promise<void> {
    await this.#exporter?.room();
    const { stdout } = this.#context;
    if (!stdout.writableNeedDrain || this.#terminalGone) return;
    await drained(stdout);
  }

  /** Draws what has no end, sends what is left, for `flushMs` at most. */
  async finish(flushMs: number): Promise<OutputResult> {
    for (const drawable of this.#book?.flush() ?? []) this.#draw(drawable);
    if (this.#undrawn > 0) this.#log('warn', `${this.#undrawn} traces were not drawn: the terminal was too slow`);
    const outcome = await this.#exporter?.shutdown(flushMs);
    const counters = outcome?.counters;
    const refused = counters === undefined ? 0 : counters.refused + counters.invalid + sum(counters.dropped);
    return {
      complete: (outcome?.complete ?? true) && refused === 0,
      exported: counters?.exported ?? 0,
      drawn: this.#drawn,
    };
  }

  #draw(drawable: Drawable): void {
    const { stdout } = this.#context;
    if (this.#terminalGone) return;
    if (stdout.writableLength > MAX_UNDRAWN) {
      this.#undrawn++;
      return;
    }
    const options = this.#drawOptions();
    const text =
      drawable.type === 'late'
        ? drawLate(drawable.span, options)
        : drawTrace(drawable.spans, { ...options, leftOut: drawable.leftOut });
    if (drawable.type === 'trace') this.#drawn++;
    stdout.write(`${text}\n`);
  }

  #drawOptions(): DrawOptions {
    const { stdout, env } = this.#context;
    return { width: terminalWidth(this.#context), color: hasColor(stdout.isTTY === true, env), ids: this.#options.ids };
  }
}

/** Columns of the terminal; of a file or pipe what COLUMNS says, else 120. */
function terminalWidth({ stdout, env }: Pick<CommandContext, 'stdout' | 'env'>): number {
  const told = Number(env['COLUMNS']);
  return stdout.columns ?? (Number.isInteger(told) && told > 0 ? told : 120);
}

/** As no-color.org asks. */
export function hasColor(isTerminal: boolean, env: CommandContext['env']): boolean {
  return isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
