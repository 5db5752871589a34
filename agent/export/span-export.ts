import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import type { ExportOptions, Log } from './options.ts';
import { describeDropped, OutageLog } from './outage-log.ts';
import { printableUrl } from './printable.ts';
import { createSampling } from './sampling.ts';
import { type OutgoingSpan, recordFault, SdkAdapter } from './sdk-adapter.ts';
import type { SendOutcome } from './send-outcome.ts';
import { Sender } from './sender.ts';
import { type DroppedByPriority, SpanQueue } from './span-queue.ts';
import { estimateSpanBytes } from './span-size.ts';
import { createTransport, type Transport } from './transport.ts';

/** Within this an aborted request has ended. */
const ABORT_MS = 250;

/**
 * Where every span went. At any moment
 * `received = unsampled + invalid + exported + refused + dropped + late + queued + inFlight`, `dropped` summed.
 */
export interface ExportCounters {
  /** Handed over. */
  readonly received: number;
  /** Of connections that the sampler left out. */
  readonly unsampled: number;
  /** No span can be made of it: an error of ours, see the log. */
  readonly invalid: number;
  /** Taken by the collector. */
  readonly exported: number;
  /** Refused by the collector, in a partial success or singly. */
  readonly refused: number;
  /** Dropped because the queue was full, by priority. */
  readonly dropped: Readonly<DroppedByPriority>;
  /** Not delivered by the deadline of the shutdown, or handed over after it. */
  readonly late: number;
  readonly queued: number;
  readonly inFlight: number;
  /** Estimated encoded bytes of what is queued. */
  readonly queuedBytes: number;
  readonly requests: number;
  readonly failures: number;
}

/** How a shutdown ended. */
export interface Outcome {
  /** True: every span was delivered or refused by the collector. */
  readonly complete: boolean;
  readonly counters: ExportCounters;
}

/**
 * Span records in, OTLP out. `accept` only queues and never waits; everything else happens behind it. State changes in
 * `accept`, in the answers of the collector, and in `shutdown`.
 */
export class SpanExport {
  #options: ExportOptions;
  readonly #log: Log;
  readonly #sampled: (record: SpanRecord) => boolean;
  readonly #queue: SpanQueue<OutgoingSpan>;
  #transport: Transport;
  /** Takes the transport's place before the next request. */
  #nextTransport: Transport | undefined;
  readonly #sender: Sender<OutgoingSpan>;
  readonly #outage: OutageLog;
  readonly #count = { received: 0, unsampled: 0, invalid: 0, late: 0 };
  #refusalsSaid = 0;
  #roomWanted: (() => void)[] = [];
  #closed = false;
  #ending: Promise<Outcome> | undefined;

  constructor(options: ExportOptions, log: Log) {
    const transport = createTransport(options);
    this.#options = options;
    this.#log = log;
    this.#sampled = createSampling(options.sampler);
    this.#queue = new SpanQueue(options.queue);
    this.#transport = transport;
    this.#outage = new OutageLog(log, printableUrl(options.url), () => performance.now());
    this.#sender = new Sender({
      queue: this.#queue,
      batch: options.batch,
      backoff: options.backoff,
      send: createSend(new SdkAdapter(options), () => this.#currentTransport()),
      events: {
        failed: (failure) => {
          if (failure.pace !== 'at-once') this.#outage.failed(failure.reason, this.counters);
        },
        accepted: () => this.#outage.accepted(this.counters),
        refused: (count, reason) => this.#sayRefused(count, reason),
        noted: (note) => this.#sayRefused(0, `it remarks: “${note}”`),
        drained: () => this.#giveRoom(),
      },
    });
  }

  get counters(): ExportCounters {
    const { exported, refused, inFlight, requests, failures } = this.#sender.counters;
    const [important, other, scans] = this.#queue.dropped;
    return {
      ...this.#count,
      exported,
      refused,
      dropped: [important, other, scans],
      queued: this.#queue.size,
      inFlight,
      queuedBytes: this.#queue.bytes,
      requests,
      failures,
    };
  }

  /** Sends by other options, from the next request on: endpoint, headers, certificates and what belongs to them. */
  reconfigure(options: ExportOptions): void {
    if (this.#closed) return;
    const { url, headers, timeoutMs, compression, tls } = options;
    this.#options = { ...this.#options, url, headers, timeoutMs, compression, tls };
    this.#nextTransport?.close();
    this.#nextTransport = createTransport(this.#options);
    this.#outage.target = printableUrl(url);
    this.#sender.retryNow();
  }

  /** Takes finished spans over. Those given together usually travel in one request. */
  accept(spans: readonly SpanRecord[], resource: ResourceRecord): void {
    if (!this.#options.enabled) return;
    if (this.#closed) {
      this.#count.received += spans.length;
      this.#count.late += spans.length;
      return;
    }
    const droppedBefore = sum(this.#queue.dropped);
    for (const record of spans) this.#enqueue(record, resource);
    if (sum(this.#queue.dropped) > droppedBefore) this.#outage.overflowed(this.counters);
    if (this.#queue.size > 0) this.#sender.notify();
  }

  /**
   * Resolves when at most half of the queue is in use: for a replay, which makes spans faster than any collector takes
   * them. A live agent must not wait.
   */
  async room(): Promise<void> {
    if (this.#closed || this.#hasRoom()) return;
    await new Promise<void>((resolve) => this.#roomWanted.push(resolve));
  }

  /**
   * Sends what is left, for `deadlineMs` at most, then counts the rest as late and says how many. Nothing is accepted
   * afterwards. Never rejects. A second call waits for the first.
   */
  shutdown(deadlineMs: number): Promise<Outcome> {
    this.#ending ??= this.#end(deadlineMs);
    return this.#ending;
  }

  async #end(deadlineMs: number): Promise<Outcome> {
    this.#closed = true;
    const flushed = this.#sender.flush();
    const timers: NodeJS.Timeout[] = [];
    const atDeadline = () => {
      this.#sender.stop();
      this.#transport.abort('the agent stops');
      this.#nextTransport?.abort('the agent stops');
    };
    timers.push(setTimeout(atDeadline, deadlineMs));
    // An aborted request ends at once; should one not, the agent stops all the same.
    const stuck = new Promise<void>((resolve) => timers.push(setTimeout(resolve, deadlineMs + ABORT_MS)));
    await Promise.race([flushed, stuck]);
    for (const timer of timers) clearTimeout(timer);
    this.#sender.stop();
    this.#transport.close();
    this.#nextTransport?.close();
    this.#count.late += this.#queue.clear();
    this.#giveRoom();
    this.#saySummary();
    const { counters } = this;
    return { complete: counters.late + counters.inFlight === 0, counters };
  }

  #currentTransport(): Transport {
    if (this.#nextTransport !== undefined) {
      this.#transport.close();
      this.#transport = this.#nextTransport;
      this.#nextTransport = undefined;
    }
    return this.#transport;
  }

  #enqueue(record: SpanRecord, resource: ResourceRecord): void {
    this.#count.received += 1;
    const fault = recordFault(record);
    if (fault !== undefined) {
      this.#count.invalid += 1;
      if (isMilestone(this.#count.invalid))
        this.#log('warn', `a span is not exportable: ${fault} (${this.#count.invalid} so far)`);
      return;
    }
    if (!this.#sampled(record)) {
      this.#count.unsampled += 1;
      return;
    }
    this.#queue.add({ record, resource }, record.priority, estimateSpanBytes(record));
  }

  #hasRoom(): boolean {
    const { maxSpans, maxBytes } = this.#options.queue;
    return this.#queue.size <= maxSpans / 2 && this.#queue.bytes <= maxBytes / 2;
  }

  #giveRoom(): void {
    this.#outage.drained(this.counters);
    if (!this.#closed && !this.#hasRoom()) return;
    const wanted = this.#roomWanted;
    this.#roomWanted = [];
    for (const resolve of wanted) resolve();
  }

  #sayRefused(count: number, reason: string): void {
    this.#refusalsSaid += 1;
    if (!isMilestone(this.#refusalsSaid)) return;
    const what = count === 1 ? 'refused a span' : `refused ${count} spans`;
    const total = this.#sender.counters.refused;
    this.#log('warn', `the collector ${count === 0 ? 'took all spans' : what}: ${reason} (${total} refused so far)`);
  }

  #saySummary(): void {
    const { late, exported, refused, dropped, invalid } = this.counters;
    const lost = late + refused + sum(dropped) + invalid;
    if (lost === 0) return;
    const parts = [`${late} not delivered in time`, `${refused} refused`, describeDropped(dropped, [0, 0, 0])];
    if (invalid > 0) parts.push(`${invalid} not exportable`);
    this.#log('warn', `export ends: ${exported} spans delivered, ${parts.join(', ')}`);
  }
}

/** What cannot be translated is refused like what a collector refuses: the batch is halved until the one is found. */
function createSend(
  adapter: SdkAdapter,
  transport: () => Transport,
): (spans: readonly OutgoingSpan[]) => Promise<SendOutcome> {
  return async (spans) => {
    try {
      return await transport().send(adapter.toSdkSpans(spans));
    } catch (error) {
      return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** 1, 10, 100, …: enough to know that it happens and how much, never a flood of lines. */
function isMilestone(count: number): boolean {
  return Number.isInteger(Math.log10(count));
}

function sum(dropped: Readonly<DroppedByPriority>): number {
  return dropped[0] + dropped[1] + dropped[2];
}
