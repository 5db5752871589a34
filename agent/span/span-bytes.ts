/** How many bytes a span has as OTLP protobuf: of a finished one, and at most of one that has only begun. */
import type { Activity, SpanTexts } from '../sshd/session-event.ts';
import { LOOKED_AT, MAX_PREVIEW_POINTS, MAX_STRING_BYTES } from './limits.ts';
import type { AttributeValue, SpanRecord } from './span-record.ts';
import { utf8Length } from './text.ts';

/** Ids, times, kind, status and the lengths of it all. */
const SPAN_BYTES = 90;
/** Tags and lengths of an attribute, of an element of a list, and of a link with its ids. */
const ATTRIBUTE_BYTES = 8;
const ELEMENT_BYTES = 4;
const LINK_BYTES = 40;

/** Size of a span, on the high side. */
export function encodedBytes(span: SpanRecord): number {
  let bytes = SPAN_BYTES + utf8Length(span.name) + attributesBytes(span.attributes);
  for (const link of span.links) {
    bytes += LINK_BYTES + utf8Length(link.traceState ?? '') + attributesBytes(link.attributes);
  }
  return bytes;
}

function attributesBytes(attributes: Readonly<Record<string, AttributeValue>>): number {
  let bytes = 0;
  for (const name in attributes) bytes += ATTRIBUTE_BYTES + name.length + valueBytes(attributes[name] ?? '');
  return bytes;
}

function valueBytes(value: AttributeValue): number {
  if (typeof value === 'string') return utf8Length(value);
  if (typeof value !== 'object') return 9;
  let bytes = ELEMENT_BYTES;
  for (const element of value) bytes += ELEMENT_BYTES + utf8Length(element);
  return bytes;
}

/** All that a span has besides its texts, with every attribute that there may be; most spans have less than half of it. */
const MOST_FIXED_BYTES = 1_600;
/** What stands in for a secret may be longer than it. */
const REDACTED_BYTES = 12;
/** A byte that is not UTF-8 becomes U+FFFD. */
const REPLACED_BYTES = 3;

/** The most that the span of a finished activity may have. Of programs and files it is what `mostBytes` said when they began. */
export function mostActivityBytes(activity: Activity, maxArgvBytes: number): number {
  return mostBytes(textsOf(activity), maxArgvBytes) + (activity.kind === 'attempt' ? keyBytes(activity.key) : 0);
}

function textsOf(activity: Activity): SpanTexts {
  switch (activity.kind) {
    case 'program':
    case 'helper':
      return { argv: activity.program.argv, others: [activity.program.file] };
    case 'file':
      return { others: [activity.path, activity.target] };
    case 'session':
      return { others: [activity.command, activity.requestedCommand] };
    default:
      return NO_TEXTS;
  }
}

const NO_TEXTS: SpanTexts = { others: [] };

/** The most that a span with these texts may have. */
export function mostBytes({ argv, others }: SpanTexts, maxArgvBytes: number): number {
  let bytes = MOST_FIXED_BYTES;
  for (const text of others) if (text !== undefined) bytes += Math.min(textBytes(text.bytes), MAX_STRING_BYTES);
  return argv === undefined ? bytes : bytes + argvBytes(argv.bytes, maxArgvBytes);
}

function keyBytes(key: { readonly type: string; readonly certificateId?: string | undefined } | undefined): number {
  return (
    Math.min((key?.type.length ?? 0) * REPLACED_BYTES, MAX_STRING_BYTES) +
    Math.min((key?.certificateId?.length ?? 0) * REPLACED_BYTES, MAX_STRING_BYTES)
  );
}

function textBytes(bytes: Uint8Array): number {
  let more = 0;
  const end = Math.min(bytes.length, MAX_STRING_BYTES);
  for (let at = 0; at < end; at++) if ((bytes[at] as number) > 0x7f) more += REPLACED_BYTES - 1;
  return bytes.length + more;
}

/** The list and its preview. */
function argvBytes(bytes: Uint8Array, maxBytes: number): number {
  let shown = 0;
  let elements = 1;
  // What is behind that is not shown.
  const end = Math.min(bytes.length, maxBytes * LOOKED_AT);
  for (let at = 0; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === 0) elements++;
    shown += byte > 0x7f ? REPLACED_BYTES : 1;
  }
  shown = Math.min(shown + elements * REDACTED_BYTES, maxBytes);
  return shown + Math.min(elements, maxBytes) * ELEMENT_BYTES + Math.min(shown, MAX_PREVIEW_POINTS) * 4;
}
