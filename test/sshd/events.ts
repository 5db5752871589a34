/** Small events for tests of the sshd model's parts. */
import type { ExitEvent, MonitorMessageEvent } from '../../agent/decode/kernel-event.ts';

const process = { pid: 2, startNs: 2n };

/** An SSH string: length and bytes. */
export function sshString(bytes: Uint8Array | string): Uint8Array {
  const body = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  const out = new Uint8Array(4 + body.length);
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
}

export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A monitor message; `atMs` is its time. */
export function message(type: number, atMs: number, payload: Uint8Array = new Uint8Array()): MonitorMessageEvent {
  return {
    kind: 'mon',
    tsNs: BigInt(atMs) * 1_000_000n,
    process,
    type,
    length: payload.length,
    data: { bytes: payload, length: payload.length },
  };
}

export function exit(code: number, signal = 0): ExitEvent {
  return { kind: 'exit', tsNs: 9n, process, code, signal, core: false };
}
