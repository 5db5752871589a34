import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import type { ExportOptions, Log } from './options.ts';
import { describeDropped, OutageLog } from './outage-log.ts';
import { printableUrl } from './printable.ts';
import { createSampling } from './sampling.ts';
import { recordFault, SdkAdapter } from './sdk-adapter.ts';
import type { SendOutcome } from './send-outcome.ts';
import { Sender } from './sender.ts';
import type { DroppedByPriority } from './span-queue.ts';
import { createTransport, type Transport } from './transport.ts';
import { type StoredSpan, WaitingSpans } from './waiting-spans.ts';

/** Within this an aborted request has ended. */
const ABORT_MS = 250;

/**
 * Where every span went. At any moment
 * `received + recovered = unsampled + invalid + exported + refused + dropped + late + kept + queued + inFlight`, `dropped`
 * summed.
 */
export interface ExportCounters {
  /** Handed over. */
  readonly received: number;
  /** Found on disk at the start, left there by an earlier run. */
  readonly recovered: number;
  /** Finished spans that an earlier run held back when it was killed; in no other count. */
  readonly lostHeld: number;
  /** Of connections that the sampler left out. */
  readonly unsampled: number;
  /** No span can be made of it: an error of ours, see the log. */
  readonly invalid: number;
  /** Taken by the collector. */
  readonly exported: number;
  /** Refused by the collector, in a partial success or singly. */
  readonly refused: number;
  /** Dropped because the queue was full or they had waited too long, by priority. */
  readonly dropped: Readonly<DroppedByPriority>;
  /** Not delivered by the deadline of the shutdown, or handed over after it. */
  readonly late: number;
  /** Left on disk for the next run. */
  readonly kept: number;
  readonly queued: number;
  /** Of these, on disk. */
  readonly onDisk: number;
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
  readonly #queue: WaitingSpans;
  #transport: Transport;
  /** Takes the transport's place before the next request. */
  #nextTransport: Transport | undefined;
  readonly #sender: Sender<StoredSpan>;
  readonly #outage: OutageLog;
  readonly #count = { received: 0, unsampled: 0, invalid: 0, late: 0, kept: 0 };
  #refusalsSaid = 0;
  #roomWanted: (() => void)[] = [];
  #closed = false;
  #ending: Promise<Outcome> | undefined;

  constructor(options: ExportOptions, log: Log) {
    const transport = createTransport(options);
    this.#options = options;
    this.#log = log;
    this.#sampled = createSampling(options.sampler);
    this.#queue = new WaitingSpans(options, log, () => Date.now());
    this.#transport = transport;
    this.#outage = new OutageLog(log, printableUrl(options.url), () => performance.now());
    this.#sender = new Sender({
      queue: this.#queue,
      batch: options.batch,
      backoff: options.backoff,
      send: createSend(new SdkAdapter(options), this.#queue, () => this.#currentTransport()),
      events: {
        settled: (spans) => this.#queue.settled(spans),
        failed: (failure) => {
          if (failure.pace !== 'at-once') this.#outage.failed(failure.reason, this.counters);
        },
        accepted: () => this.#outage.accepted(this.counters),
        refused: (count, reason) => this.#sayRefused(count, reason),
        noted: (note) => this.#sayRefused(0, `it remarks: “${note}”`),
        drained: () => this.#giveRoom(),
      },
    });
    if (this.#queue.size > 0) this.#sender.notify();
  }

  get counters(): ExportCounters {
    const { exported, refused, inFlight, requests, failures } = this.#sender.counters;
    const [important, other, scans] = this.#queue.dropped;
    return {
      ...this.#count,
      recovered: this.#queue.recovered,
      lostHeld: this.#queue.lostHeld,
      exported,
      refused,
      dropped: [important, other, scans],
      queued: this.#queue.size,
      onDisk: this.#queue.onDisk,
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

  /**
   * Takes finished spans over. Those given together usually travel in one request.
   * @param held finished spans that wait for their connection: noted on disk, so that their loss can be told
   */
  accept(spans: readonly SpanRecord[], resource: ResourceRecord, held = 0): void {
    if (!this.#options.enabled) return;
    if (this.#closed) {
      this.#count.received += spans.length;
      this.#count.late += spans.length;
      return;
    }
    const droppedBefore = sum(this.#queue.dropped);
    const good = spans.filter((record) => this.#isWanted(record));
    this.#queue.add(good, resource, held);
    if (sum(this.#queue.dropped) > droppedBefore) this.#outage.overflowed(this.counters);
    if (this.#queue.size > 0) this.#sender.notify();
  }

  /**
   * Resolves when at most half of the queue is in use: for a replay, which makes spans faster than any collector takes
   * them. A live agent must not wait.
   */
  async room(): Promise<void> {
    if (this.#closed || this.#queue.hasRoom) return;
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
    const { lost, kept } = this.#queue.close();
    this.#count.late += lost;
    this.#count.kept += kept;
    this.#giveRoom();
    this.#saySummary();
    const { counters } = this;
    const inFlight = this.#options.spool === undefined ? counters.inFlight : 0;
    return { complete: counters.late + inFlight === 0, counters };
  }

  #currentTransport(): Transport {
    if (this.#nextTransport !== undefined) {
      this.#transport.close();
      this.#transport = this.#nextTransport;
      this.#nextTransport = undefined;
    }
    return this.#transport;
  }

  #isWanted(record: SpanRecord): boolean {
    this.#count.received += 1;
    const fault = recordFault(record);
    if (fault !== undefined) {
      this.#count.invalid += 1;
      if (isMilestone(this.#count.invalid))
        this.#log('warn', `a span is not exportable: ${fault} (${this.#count.invalid} so far)`);
      return false;
    }
    if (this.#sampled(record)) return true;
    this.#count.unsampled += 1;
    return false;
  }

  #giveRoom(): void {
    this.#outage.drained(this.counters);
    if (!this.#closed && !this.#queue.hasRoom) return;
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
    const { late, exported, refused, dropped, invalid, kept } = this.counters;
    if (kept > 0) this.#log('info', `${kept} spans stay in ${this.#options.spool?.folder} for the next start`);
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
  queue: WaitingSpans,
  transport: () => Transport,
): (spans: readonly StoredSpan[]) => Promise<SendOutcome> {
  return async (spans) => {
    try {
      return await transport().send(adapter.toSdkSpans(queue.read(spans)));
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
