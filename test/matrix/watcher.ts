/** Who watches a cell: a producer and a pipeline of its own, or one for all cells, since bpftrace takes seconds to attach. */
import { readFileSync } from 'node:fs';
import type { Lab } from '../../agent/lab/lab.ts';
import { ATTR } from '../../agent/span/attributes.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { startTracing, type Tracing } from '../live/tracing.ts';
import type { Scenario } from './scenario.ts';

export const PRODUCER_MODES = ['libbpf', 'libbpf-exact', 'bpftrace'] as const;
export type ProducerMode = (typeof PRODUCER_MODES)[number];

/** What was told of one laboratory. */
export interface Told {
  readonly spans: readonly SpanRecord[];
  readonly stream: Buffer;
  /** The stream tells of no other sshd. */
  readonly alone: boolean;
}

export interface Watch {
  /** Ends it, once nobody is left in the laboratory, where servers listened on these ports. */
  finish(ports: readonly number[]): Promise<Told>;
}

/** Resolves when whatever happens in the laboratory from now on is seen. */
export type Watcher = (lab: Lab) => Promise<Watch>;

/** A span waits so long for its connection to say more, then a clock record must come: ns. */
const HOLD_BACK_NS = 3_200_000_000n;

/**
 * A producer of its own, which sees this laboratory's listener alone, or, where that is not enough, the whole host: what
 * is not the laboratory's is then left out.
 */
export function ownWatcher(mode: ProducerMode, wholeHost: Scenario['wholeHost'] = false): Watcher {
  return async (lab) => {
    const containers = wholeHost === 'containers';
    const tracing = await start(mode, wholeHost === false ? lab : { listenerPid: undefined }, containers);
    return {
      async finish(ports) {
        await tracing.stop();
        const { spans } = tracing;
        const own = wholeHost === false ? spans : spansOf(spans, ports);
        return { spans: own, stream: tracing.stream(), alone: own.length === spans.length };
      },
    };
  };
}

/** One producer of the whole host for all laboratories: their ports tell apart what is whose. */
export class SharedWatcher {
  readonly #mode: ProducerMode;
  #tracing: Promise<Tracing> | undefined;

  constructor(mode: ProducerMode) {
    this.#mode = mode;
  }

  readonly watch: Watcher = async () => {
    this.#tracing ??= start(this.#mode, { listenerPid: undefined });
    const tracing = await this.#tracing.catch((error: unknown) => {
      this.#tracing = undefined;
      throw error;
    });
    const fromNs = wallNs();
    return {
      finish: async (ports) => {
        // Ports are used again, by laboratories before and after this one.
        const toNs = wallNs();
        try {
          await tracing.until(boottimeNs() + HOLD_BACK_NS);
        } catch (error) {
          this.#tracing = undefined;
          throw error;
        }
        const spans = spansOf(tracing.spans, ports, fromNs, toNs);
        return { spans, stream: Buffer.alloc(0), alone: false };
      },
    };
  };

  async stop(): Promise<void> {
    const tracing = await this.#tracing;
    this.#tracing = undefined;
    await tracing?.stop();
  }
}

function start(
  mode: ProducerMode,
  lab: { readonly listenerPid: number | undefined },
  allNamespaces = false,
): Promise<Tracing> {
  return startTracing(lab, mode === 'bpftrace' ? 'bpftrace' : 'libbpf', noRedaction, {
    exact: mode === 'libbpf-exact',
    allNamespaces,
  });
}

/** All spans of the connections that came to these ports in this time (Unix ns). */
function spansOf(spans: readonly SpanRecord[], ports: readonly number[], fromNs = 0n, toNs?: bigint): SpanRecord[] {
  const connectionOf = (span: SpanRecord) => span.attributes[ATTR.connectionId];
  const isOwn = ({ root, startNs, attributes }: SpanRecord) =>
    root &&
    ports.includes(Number(attributes[ATTR.serverPort])) &&
    startNs >= fromNs &&
    (toNs === undefined || startNs <= toNs);
  const own = new Set(spans.filter(isOwn).map(connectionOf));
  return spans.filter((span) => own.has(connectionOf(span)));
}

function wallNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** The clock of the stream; good to 10 ms. */
function boottimeNs(): bigint {
  const [seconds = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ');
  return BigInt(Math.round(Number(seconds) * 1000)) * 1_000_000n;
}
