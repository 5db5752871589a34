/** The stages joined: bytes in, finished spans out. No I/O and no rule of its own. */
import { hash } from 'node:crypto';
import type { HelloEvent, KernelEvent } from './decode/kernel-event.ts';
import { type DecodeCounters, StreamDecoder } from './decode/stream-decoder.ts';
import { type ProcessCounters, ProcessTable } from './process/process-table.ts';
import type { EarlierRun, SavedState } from './span/earlier-run.ts';
import { Exclusion, type ExclusionCounters } from './span/exclusion.ts';
import type { Redactor } from './span/redactor.ts';
import { SpanBuilder } from './span/span-builder.ts';
import type { ResourceRecord, SpanRecord } from './span/span-record.ts';
import type { UnauthenticatedCounters, UnauthenticatedLimits } from './span/unauthenticated-budget.ts';
import type { SessionEvent } from './sshd/session-event.ts';
import { SshdModel } from './sshd/sshd-model.ts';

export interface PipelineOptions {
  /** 32 bytes; all ids depend on it. */
  readonly hostKey: Uint8Array;
  readonly redactor: Redactor;
  /** Version of this program, told in the resource. */
  readonly agentVersion: string;
  /** Only connections of the listener with this pid; absent: all. */
  readonly listenerPid?: number | undefined;
  /** The agent that ran before this one, if the host has not booted since. */
  readonly earlier?: EarlierRun | undefined;
  /** What to say nothing of; its rules may change at any time. */
  readonly exclusion?: Exclusion | undefined;
  /** UTF-8 bytes of an argument vector. */
  readonly maxArgvBytes?: number;
  /** Encoded bytes after which a connection goes on in another trace. */
  readonly maxSegmentBytes?: number;
  /** Tell of connections and sessions that are still open after 2 s. */
  readonly openMarkers?: boolean;
  /** How much to tell one by one of who never got in; absent: all. */
  readonly unauthenticated?: UnauthenticatedLimits | undefined;
  /** Called with all that the sshd model tells, before spans are made of it. */
  readonly onTold?: ((event: SessionEvent) => void) | undefined;
}

/** What went through, and what of it was lost. */
export interface PipelineCounters {
  readonly decode: DecodeCounters;
  readonly processes: ProcessCounters;
  /** `clock` records: a producer that lives sends one a second. */
  readonly clocks: number;
  /** `hello` records: more than one means that the producer was restarted. */
  readonly hellos: number;
  /** Records that the producer said were lost; some of them are also found as gaps. */
  readonly announcedLost: number;
  readonly spans: number;
  /** Finished, and held back until their connection says more or ends. */
  readonly held: number;
  readonly openConnections: number;
  readonly followedProcesses: number;
  /** Left out because an operator wants so. */
  readonly excluded: ExclusionCounters;
  /** Of connections that never authenticated, beyond what is told one by one. */
  readonly summarized: UnauthenticatedCounters;
}

/** State changes only in `push` and `end`. */
export class Pipeline {
  readonly #decoder = new StreamDecoder();
  readonly #processes: ProcessTable;
  readonly #model: SshdModel;
  readonly #builder: SpanBuilder;
  readonly #exclusion: Exclusion;
  readonly #onTold: ((event: SessionEvent) => void) | undefined;
  #hello: HelloEvent | undefined;
  #clocks = 0;
  #hellos = 0;
  #announcedLost = 0;
  #spans = 0;
  #ended = false;
  #tracing = false;

  constructor(options: PipelineOptions) {
    const exclusion = options.exclusion ?? new Exclusion();
    this.#exclusion = exclusion;
    this.#onTold = options.onTold;
    this.#processes = new ProcessTable(options.earlier?.saved);
    this.#model = new SshdModel({
      sha256: (bytes) => hash('sha256', bytes, 'buffer'),
      listenerPid: options.listenerPid,
      skipProgram: (name, isComm) => exclusion.program(name, isComm),
      saved: options.earlier?.saved,
    });
    this.#builder = new SpanBuilder({ ...options, exclusion });
  }

  /** The producer, as it introduced itself last; absent before its first record. */
  get producer(): HelloEvent | undefined {
    return this.#hello;
  }

  /** All hooks of the producer are in place: it has sent a clock record since it introduced itself. */
  get tracing(): boolean {
    return this.#tracing;
  }

  /** The stream said that it was over, in so many words: nothing at its end is missing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Of the host that the stream comes from. */
  get resource(): ResourceRecord {
    return this.#builder.resource ?? { attributes: {} };
  }

  get counters(): PipelineCounters {
    return {
      decode: this.#decoder.counters,
      processes: { ...this.#processes.counters },
      clocks: this.#clocks,
      hellos: this.#hellos,
      announcedLost: this.#announcedLost,
      spans: this.#spans,
      held: this.#builder.held,
      openConnections: this.#model.connections,
      followedProcesses: this.#model.processes,
      excluded: this.#exclusion.counters,
      summarized: this.#builder.summarized,
    };
  }

  /**
   * Spans that are finished now.
   * @throws UnsupportedVersionError if the producer speaks a newer format; the pipeline is of no use after that
   */
  push(chunk: Uint8Array): SpanRecord[] {
    return this.#through(this.#decoder.push(chunk));
  }

  /**
   * The agent is stopped, and another one will go on: what is finished, and what that one needs of all that is open.
   * `state` undefined: the stream never began.
   */
  suspend(): { readonly spans: SpanRecord[]; readonly state: SavedState | undefined } {
    const spans = this.#through(this.#decoder.end());
    const endedNs = this.#model.lastNs;
    const last = this.#builder.suspend(endedNs);
    this.#spans += last.length;
    const { connections, runs } = this.#model.save();
    const processes = runs.flatMap(({ nodes }) => nodes.map(({ process }) => process));
    const bootId = this.#hello?.bootId;
    const state =
      bootId === undefined ? undefined : { bootId, endedNs, processes, runs, ids: this.#builder.save(connections) };
    return { spans: [...spans, ...last], state };
  }

  /** The stream is over: all that was held, what is still open marked so. */
  end(): SpanRecord[] {
    const spans = this.#through(this.#decoder.end());
    const last = [...this.#model.end().flatMap((event) => this.#build(event)), ...this.#builder.end()];
    this.#spans += last.length;
    return [...spans, ...last];
  }

  #through(events: readonly KernelEvent[]): SpanRecord[] {
    const spans: SpanRecord[] = [];
    for (const event of events) {
      this.#note(event);
      for (const change of this.#processes.apply(event))
        for (const told of this.#model.apply(change)) for (const span of this.#build(told)) spans.push(span);
    }
    this.#spans += spans.length;
    return spans;
  }

  #build(told: SessionEvent): readonly SpanRecord[] {
    this.#onTold?.(told);
    return this.#builder.apply(told);
  }

  #note(event: KernelEvent): void {
    if (event.kind === 'clock') {
      this.#clocks++;
      this.#tracing = this.#hello !== undefined;
    } else if (event.kind === 'end') this.#ended = true;
    else if (event.kind === 'lost' && event.of !== 'gap') this.#announcedLost += event.count;
    else if (event.kind === 'hello') {
      this.#builder.began(event.tsNs);
      this.#hello = event;
      this.#hellos++;
      this.#ended = false;
      this.#tracing = false;
    }
  }
}
