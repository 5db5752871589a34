/** `ExportTracePartialSuccess` of the OTLP answer. */
export interface PartialSuccess {
  readonly rejectedSpans: number;
  /** Empty if none; also sent alone, as a warning. */
  readonly message: string;
}

const NONE: PartialSuccess = { rejectedSpans: 0, message: '' };

/**
 * Reads how many spans a collector rejected from its 2xx answer; body as Latin-1. What cannot be read counts as a
 * full success, as the status says and as the official exporter takes it.
 */
export function parsePartialSuccess(body: string, contentType: string): PartialSuccess {
  if (body === '') return NONE;
  return contentType.startsWith('application/x-protobuf')
    ? fromProtobuf(Buffer.from(body, 'latin1'))
    : fromJson(Buffer.from(body, 'latin1').toString('utf8'));
}

function fromJson(text: string): PartialSuccess {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return NONE;
  }
  const partial = field(parsed, 'partialSuccess') ?? field(parsed, 'partial_success');
  const rejected = Number(field(partial, 'rejectedSpans') ?? field(partial, 'rejected_spans') ?? 0);
  const message = field(partial, 'errorMessage') ?? field(partial, 'error_message');
  return {
    rejectedSpans: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: typeof message === 'string' ? message : '',
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** opentelemetry/proto/collector/trace/v1/trace_service.proto: partial_success = 1 { rejected_spans = 1, error_message = 2 }. */
function fromProtobuf(bytes: Uint8Array): PartialSuccess {
  let rejectedSpans = 0;
  let message = '';
  for (const outer of protobufFields(bytes)) {
    if (outer.number !== 1 || typeof outer.value === 'number') continue;
    for (const inner of protobufFields(outer.value)) {
      if (inner.number === 1 && typeof inner.value === 'number') rejectedSpans = inner.value;
      if (inner.number === 2 && typeof inner.value !== 'number') message = Buffer.from(inner.value).toString('utf8');
    }
  }
  return { rejectedSpans, message };
}

interface ProtobufField {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** The varint and length-delimited fields of a message; stops at anything else, or at the first cut one. */
function protobufFields(bytes: Uint8Array): ProtobufField[] {
  const fields: ProtobufField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 53; scale *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const key = varint();
    const value = varint();
    if (Number.isNaN(key) || Number.isNaN(value)) return fields;
    const number = Math.floor(key / 8);
    if (key % 8 === 0) {
      fields.push({ number, value });
    } else if (key % 8 === 2 && at + value <= bytes.length) {
      fields.push({ number, value: bytes.subarray(at, at + value) });
      at += value;
    } else {
      return fields;
    }
  }
  return fields;
}
