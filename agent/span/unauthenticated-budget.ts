/**
 * How many connections in which nobody ever got in are told one by one: so many for each source and minute, and so many for
 * all sources together. The rest of a source's minute becomes one span that counts it, so a flood of failed logins costs
 * one span a minute and source, and hides nothing. Minutes are of event time, so a replay tells the same.
 */
import type { ConnectionFacts } from '../sshd/session-event.ts';
import { sourceNetwork } from './address.ts';
import { type ConnectionSummary, newSummary, summarize, summarySpan } from './connection-summary.ts';
import type { IdKey } from './span-ids.ts';
import type { SpanRecord } from './span-record.ts';

export interface UnauthenticatedLimits {
  /** Told one by one in a minute, of one IPv4 address or one IPv6 network of 64 bits. */
  readonly perSource: number;
  /** Told one by one in a minute, of all sources together. */
  readonly perMinute: number;
  /** Sources that are counted apart; where there are more, the summary of the one heard of least recently ends early. */
  readonly maxSources: number;
}

export interface UnauthenticatedCounters {
  /** Connections that are told by a summary alone. */
  readonly connections: number;
  /** Summaries that were told. */
  readonly summaries: number;
}

/** All of them are told one by one. */
const NO_LIMITS: UnauthenticatedLimits = { perSource: Infinity, perMinute: Infinity, maxSources: 1 };

const MINUTE_NS = 60_000_000_000n;

/** Where nobody knows it. */
const UNKNOWN_SOURCE = 'unknown';

interface Source {
  readonly name: string;
  /** Told one by one in this minute. */
  told: number;
  summary: ConnectionSummary | undefined;
}

/** State changes in `takes` and `due`; of a source it keeps no more than its minute. */
export class UnauthenticatedBudget {
  readonly #limits: UnauthenticatedLimits;
  readonly #key: IdKey;
  readonly #count = { connections: 0, summaries: 0 };
  /** By name; the one heard of least recently first. */
  readonly #sources = new Map<string, Source>();
  #minute = 0n;
  /** Of all sources in this minute. */
  #told = 0;
  #bootId = '';
  /** Of sources that made room for others, and of minutes that are over. */
  #ready: SpanRecord[] = [];

  constructor(key: IdKey, limits: UnauthenticatedLimits = NO_LIMITS) {
    this.#key = key;
    this.#limits = limits;
  }

  get counters(): UnauthenticatedCounters {
    return { ...this.#count };
  }

  /** The host that the next events come from. Another boot has another clock, so its minutes begin anew. */
  setBoot(bootId: string): void {
    if (bootId === this.#bootId) return;
    this.#closeMinute();
    this.#minute = 0n;
    this.#bootId = bootId;
  }

  /** Nothing more of where this connection comes from is told one by one in this minute. */
  isSpent(connection: ConnectionFacts): boolean {
    const { perSource, perMinute } = this.#limits;
    return this.#told >= perMinute || (this.#sources.get(nameOf(connection))?.told ?? 0) >= perSource;
  }

  /**
   * Decides on a connection that is over and in which nobody got in, and counts it. Ask once for each.
   * @returns true: a summary tells of it, and nothing else may
   */
  takes(connection: ConnectionFacts, tsNs: bigint): boolean {
    if (this.#limits.perSource === Infinity) return false;
    this.#turnTo(tsNs);
    const source = this.#sourceOf(connection);
    if (source.told < this.#limits.perSource && this.#told < this.#limits.perMinute) {
      source.told++;
      this.#told++;
      return false;
    }
    source.summary ??= newSummary(source.name, connection);
    summarize(source.summary, connection, tsNs);
    this.#count.connections++;
    return true;
  }

  /** Summaries that are complete by now, each once. */
  due(tsNs: bigint): readonly SpanRecord[] {
    this.#turnTo(tsNs);
    return this.#tell();
  }

  /** Those of the minute that has begun, too: nothing more is to come. */
  end(): readonly SpanRecord[] {
    this.#closeMinute();
    return this.#tell();
  }

  #tell(): readonly SpanRecord[] {
    if (this.#ready.length === 0) return [];
    const ready = this.#ready;
    this.#ready = [];
    this.#count.summaries += ready.length;
    return ready;
  }

  #turnTo(tsNs: bigint): void {
    const minute = tsNs / MINUTE_NS;
    if (minute <= this.#minute) return;
    this.#closeMinute();
    this.#minute = minute;
  }

  #closeMinute(): void {
    for (const source of this.#sources.values()) this.#close(source);
    this.#sources.clear();
    this.#told = 0;
  }

  #close({ summary, told }: Source): void {
    if (summary === undefined) return;
    summary.told = told;
    this.#ready.push(summarySpan(summary, this.#key, this.#bootId));
  }

  #sourceOf(connection: ConnectionFacts): Source {
    const name = nameOf(connection);
    const source = this.#sources.get(name) ?? { name, told: 0, summary: undefined };
    this.#sources.delete(name);
    this.#sources.set(name, source);
    if (this.#sources.size > this.#limits.maxSources) {
      const [oldest] = this.#sources.values();
      if (oldest !== undefined) {
        this.#sources.delete(oldest.name);
        this.#close(oldest);
      }
    }
    return source;
  }
}

function nameOf({ endpoints }: ConnectionFacts): string {
  return endpoints === undefined ? UNKNOWN_SOURCE : (sourceNetwork(endpoints.peer) ?? UNKNOWN_SOURCE);
}
