/** What an earlier agent left in a spool. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceRecord, SpanRecord } from '../span/span-record.ts';
import { ownerOf } from './span-owner.ts';
import { decodeSettled, RECORD, scanSegment } from './spool-format.ts';
import { type SpoolRef, SpoolSegment } from './spool-segment.ts';
import { decodeResource, decodeSpan } from './spool-span.ts';

const NAME = /^(\d{8,})\.spool$/;

export interface RecoveredSpan {
  readonly ref: SpoolRef;
  readonly priority: SpanRecord['priority'];
  readonly owner: string;
}

export interface Recovery {
  /** Oldest first; only those in which something waits. */
  readonly segments: SpoolSegment[];
  /** In the order in which they were finished. */
  readonly waiting: RecoveredSpan[];
  readonly nextSegment: number;
  readonly nextNumber: number;
  readonly damagedBytes: number;
  /** Finished spans that the earlier agent held and never wrote: it was killed. 0 after an orderly end. */
  readonly lostHeld: number;
}

export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(8, '0')}.spool`);
}

/** @throws what the file system throws */
export function recoverSpool(folder: string): Recovery {
  const numbers = readdirSync(folder)
    .map((name) => Number(NAME.exec(name)?.[1] ?? 'NaN'))
    .filter((number) => Number.isSafeInteger(number))
    .sort((a, b) => a - b);
  const found = new Map<number, RecoveredSpan>();
  const segments: SpoolSegment[] = [];
  let nextNumber = 1;
  let damagedBytes = 0;
  let held = { number: 0, count: 0 };
  for (const number of numbers) {
    const bytes = readFileSync(segmentPath(folder, number));
    const segment = new SpoolSegment(segmentPath(folder, number), 'old', bytes.length);
    segments.push(segment);
    const scan = scanSegment(bytes);
    damagedBytes += scan.damaged;
    let resource: ResourceRecord = { attributes: {} };
    for (const record of scan.records) {
      nextNumber = Math.max(nextNumber, record.number + 1);
      switch (record.type) {
        case RECORD.resource:
          resource = decodeResource(record.payload);
          break;
        case RECORD.span: {
          // Copied forward when an old segment was given up: the later copy counts.
          const earlier = found.get(record.number)?.ref;
          if (earlier !== undefined) earlier.segment.live.delete(earlier);
          const { offset, length, writtenMs } = record;
          const ref: SpoolRef = { number: record.number, writtenMs, segment, offset, length, resource };
          segment.live.add(ref);
          const span = decodeSpan(record.payload);
          found.set(record.number, { ref, priority: span.priority, owner: ownerOf(span) });
          break;
        }
        case RECORD.settled:
          for (const [first, count] of decodeSettled(record.payload))
            for (let settled = first; settled < first + count; settled++) {
              const span = found.get(settled);
              span?.ref.segment.live.delete(span.ref);
              found.delete(settled);
            }
          break;
        case RECORD.held:
          if (record.number >= held.number) held = { number: record.number, count: record.payload.readUInt32LE(0) };
          break;
      }
    }
  }
  // Only from the front: what a later segment says of an earlier one is needed as long as that is there.
  while (segments[0] !== undefined && segments[0].live.size === 0) segments.shift()?.remove();
  const waiting = [...found.values()].sort((a, b) => a.ref.number - b.ref.number);
  return { segments, waiting, nextSegment: (numbers.at(-1) ?? 0) + 1, nextNumber, damagedBytes, lostHeld: held.count };
}
