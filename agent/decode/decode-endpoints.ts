import type { FieldReader, RawRecord } from './field-reader.ts';
import type { Endpoints } from './kernel-event.ts';

const MAX_PORT = 65_535;

/** `peer peer_port` and, if known, `local local_port`. */
export function decodeEndpoints(raw: RawRecord, read: FieldReader): Endpoints {
  return {
    peer: read.text(raw.peer, 'peer'),
    peerPort: read.uint(raw.peer_port, 'peer_port', MAX_PORT),
    local: read.optionalText(raw.local, 'local'),
    localPort: read.optionalUint(raw.local_port, 'local_port', MAX_PORT),
  };
}

/** The same where all are optional; the peer is its address and its port, or unknown. */
export function decodeOptionalEndpoints(raw: RawRecord, read: FieldReader): Partial<Endpoints> {
  if (raw.peer !== undefined) return decodeEndpoints(raw, read);
  return {
    local: read.optionalText(raw.local, 'local'),
    localPort: read.optionalUint(raw.local_port, 'local_port', MAX_PORT),
  };
}
