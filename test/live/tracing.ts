/** A producer that watches a laboratory's listener, and the pipeline behind it, as tests need them. */
import { existsSync } from 'node:fs';
import { Pipeline } from '../../agent/pipeline.ts';
import type { LibbpfOptions } from '../../agent/source/libbpf-producer.ts';
import { noRedaction, type Redactor } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { findProducers } from '../../agent/supervise/producers.ts';
import { childSource } from '../helpers/child-source.ts';

export const PRODUCERS = ['libbpf', 'bpftrace'] as const;
export type ProducerName = (typeof PRODUCERS)[number];

/** Found once, so that a test file can ask while its suites are being declared. */
const REASONS: ReadonlyMap<ProducerName, string | false> = new Map(
  await Promise.all(PRODUCERS.map(async (producer) => [producer, await reasonAgainst(producer)] as const)),
);

/** Why live tests with this producer can't run here; false: they can. */
export function whyNotLive(producer: ProducerName): string | false {
  return REASONS.get(producer) ?? false;
}

async function reasonAgainst(producer: ProducerName): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'tracing needs root';
  if (!existsSync('/usr/sbin/sshd')) return 'no /usr/sbin/sshd: apt-get install openssh-server';
  const { missing } = await findProducers(producer, {});
  return missing ?? false;
}

export interface Tracing {
  readonly pipeline: Pipeline;
  /** All spans so far. */
  readonly spans: readonly SpanRecord[];
  /** The raw stream so far. */
  stream(): Buffer;
  /** Resolves when so many connections have ended in all, with the traces' spans in order of their roots. @throws Error after 30 s */
  traces(count: number): Promise<readonly (readonly SpanRecord[])[]>;
  /** Resolves when all that happened before this time of the kernel's boot clock, ns, was read. @throws Error if the producer ends first */
  until(ns: bigint): Promise<void>;
  /** Ends the producer in order, reads its stream to the end. */
  stop(): Promise<void>;
}

/**
 * Resolves when the producer has attached and told what was there. Without a listener's pid it watches the whole host.
 * @throws Error if it ended before, with what it said
 */
export async function startTracing(
  lab: { readonly listenerPid: number | undefined },
  producer: ProducerName,
  redactor: Redactor = noRedaction,
  { allNamespaces, ...options }: Pick<LibbpfOptions, 'exact' | 'allNamespaces'> = {},
): Promise<Tracing> {
  const { candidates } = await findProducers(producer, { listenerPid: lab.listenerPid, ...options });
  const [candidate] = candidates;
  if (candidate === undefined) throw new Error(`no ${producer} here`);
  const prepared = candidate.prepare?.();
  const command = prepared?.command ?? candidate.command;
  // The agent never asks it for that: whoever wants it starts the producer himself, and the agent reads its socket.
  const scope = allNamespaces === true && producer === 'libbpf' ? ['--scope', 'all'] : [];
  const source = childSource({ ...command, args: [...command.args, ...scope] });
  prepared?.release();
  // bpftrace has no seeds: its first clock record says that it has attached.
  const begun = producer === 'libbpf' ? '{"k":"seed-end"' : '{"k":"clock"';
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor, agentVersion: '0.0.0' });
  const spans: SpanRecord[] = [];
  const chunks: Uint8Array[] = [];
  let look = (): void => undefined;
  let tail = '';
  let clockNs = 0n;
  let readers: (() => void)[] = [];
  let endedBy: string | undefined;
  const ready = Promise.withResolvers<void>();
  const over = (async () => {
    for await (const chunk of source.chunks) {
      chunks.push(chunk);
      tail = (tail + Buffer.from(chunk).toString('latin1')).slice(-(chunk.length + 32));
      if (tail.includes(begun)) ready.resolve();
      spans.push(...pipeline.push(chunk));
      look();
      const clock = /^\{"k":"clock","ts":"(\d+)",.*\n/.exec(tail.slice(Math.max(0, tail.lastIndexOf('{"k":"clock"'))));
      if (clock !== null) clockNs = BigInt(clock[1] ?? 0);
      for (const reader of readers) reader();
    }
    spans.push(...pipeline.end());
    const { reason } = await source.ended;
    ready.reject(new Error(reason));
    endedBy = reason;
    for (const reader of readers) reader();
    look();
  })();
  ready.promise.catch(() => undefined);
  await ready.promise;
  return {
    pipeline,
    spans,
    stream: () => Buffer.concat(chunks),
    traces(count) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          look = () => undefined;
          const names = spans.map((span) => span.name).join(' ');
          reject(new Error(`${count} connections did not end within 30 s; spans: ${names}`));
        }, 30_000);
        look = () => {
          const roots = spans.filter((span) => span.root);
          if (roots.length < count) return;
          clearTimeout(timer);
          look = () => undefined;
          resolve(roots.map((root) => spans.filter((span) => span.traceId === root.traceId)));
        };
        look();
      });
    },
    until(ns) {
      return new Promise((resolve, reject) => {
        const reader = () => {
          if (clockNs < ns && endedBy === undefined) return;
          readers = readers.filter((one) => one !== reader);
          if (clockNs >= ns) resolve();
          else reject(new Error(`the producer ended: ${endedBy}`));
        };
        readers.push(reader);
        reader();
      });
    },
    async stop() {
      source.close();
      await over;
    },
  };
}
