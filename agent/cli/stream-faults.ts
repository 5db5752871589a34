import type { HelloEvent } from '../decode/kernel-event.ts';
import type { Pipeline } from '../pipeline.ts';

/** What was wrong with a stream, in one line each; none if nothing was. Contents are never repeated, only counts and places. */
export function streamFaults(pipeline: Pipeline): string[] {
  const { decode, processes, announcedLost } = pipeline.counters;
  const faults: string[] = [];
  const rejected = Object.entries(decode.rejected).filter(([, count]) => count > 0);
  if (rejected.length > 0)
    faults.push(`lines that are no records: ${rejected.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  if (announcedLost > 0) faults.push(`the producer says that it lost ${announcedLost} records`);
  if (decode.missing > 0) faults.push(`${decode.missing} records were lost in ${decode.gaps} gaps`);
  if (decode.duplicates > 0) faults.push(`${decode.duplicates} records came twice`);
  if (decode.late > 0) faults.push(`${decode.late} records came too late to be put in order`);
  if (decode.orphanParts + decode.refusedParts > 0)
    faults.push(`${decode.orphanParts + decode.refusedParts} parts of long values found no record to belong to`);
  if (processes.evicted > 0) faults.push(`${processes.evicted} processes were given up: too many at once`);
  if (!pipeline.ended && pipeline.counters.hellos > 0)
    faults.push('the stream was cut: it has no end record, and what was open is marked incomplete');
  return faults;
}

/** That exact mode was asked for and this producer does not run in it; undefined if there is nothing to say. */
export function notExact(asked: boolean, producer: HelloEvent | undefined): string | undefined {
  if (!asked || producer === undefined || producer.fills.includes('file.op')) return undefined;
  return `exact mode was asked for, but the ${producer.producer} producer does not run in it: files of sftp and scp are not told`;
}

/** What a flood of strangers came to; undefined if there was none. */
export function summarized(pipeline: Pipeline): string | undefined {
  const { connections, summaries } = pipeline.counters.summarized;
  if (connections === 0) return undefined;
  return `${connections} connections that never authenticated were told in ${summaries} summaries (limits.unauthenticatedPerSource)`;
}

/** What was left out because an operator wants so; undefined if nothing was. */
export function leftOut(pipeline: Pipeline): string | undefined {
  const { byUser, bySource, programs } = pipeline.counters.excluded;
  if (byUser + bySource + programs === 0) return undefined;
  return `left out as configured: ${byUser} connections by user, ${bySource} by source; ${programs} programs`;
}
