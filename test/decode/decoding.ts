import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { type DecodeCounters, StreamDecoder, type StreamDecoderOptions } from '../../agent/decode/stream-decoder.ts';

export function toBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Hex of a text, as a producer writes it. */
export function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

export interface Decoded {
  readonly events: KernelEvent[];
  readonly counters: DecodeCounters;
  readonly decoder: StreamDecoder;
}

/** A whole stream in chunks. */
export function decodeChunks(chunks: Iterable<Uint8Array>, options?: StreamDecoderOptions): Decoded {
  const decoder = new StreamDecoder(options);
  const events: KernelEvent[] = [];
  for (const chunk of chunks) events.push(...decoder.push(chunk));
  events.push(...decoder.end());
  return { events, counters: decoder.counters, decoder };
}

/** Records, given as objects or as whole lines. */
export function decodeRecords(records: readonly (object | string)[], options?: StreamDecoderOptions): Decoded {
  return decodeChunks([toBytes(toLines(records))], options);
}

export function toLines(records: readonly (object | string)[]): string {
  return records.map((record) => `${typeof record === 'string' ? record : JSON.stringify(record)}\n`).join('');
}

/** A setsid record: the smallest about a process. */
export function setsid(ts: number | string, more: object = {}): object {
  return { k: 'setsid', ts: String(ts), pid: 7, start: '1', sid: 7, ...more };
}

/** Text of a cut value. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
}
