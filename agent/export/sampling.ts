import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { SPAN_NAMES } from '../span/attributes.ts';
import type { SpanRecord } from '../span/span-record.ts';
import type { SamplerChoice } from './options.ts';

/**
 * Whether a span is sent: decided by its connection, so that the segments of one connection, which are traces of their
 * own, stay or go together. A connection's id is that of its first trace. A client's own flag has no say. A summary stands for
 * many connections, so no ratio leaves it out.
 */
export function createSampling(choice: SamplerChoice): (record: SpanRecord) => boolean {
  const sampler = createSampler(choice);
  return (record) => {
    if (record.name === SPAN_NAMES.summary && choice.kind !== 'always_off') return true;
    const connection = record.attributes['ssh.connection.id'];
    const id = typeof connection === 'string' && /^[0-9a-f]{32}$/.test(connection) ? connection : record.traceId;
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, id, record.name, SpanKind.INTERNAL, {}, []);
    return decision === SamplingDecision.RECORD_AND_SAMPLED;
  };
}

function createSampler(choice: SamplerChoice): Sampler {
  switch (choice.kind) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      // The SDK's bound is exclusive: a ratio of 1 would lose one trace in four billion.
      return choice.ratio >= 1 ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(choice.ratio);
  }
}
