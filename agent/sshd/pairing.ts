/**
 * Puts an answer behind its request. A producer's hook may run after the send, so that the monitor, on another CPU, answers
 * before the request is told; sorting by time then has the answer first.
 */
import type { MonitorMessageEvent } from '../decode/kernel-event.ts';
import { MONITOR } from './monitor-protocol.ts';

/** How long an answer waits for its request. */
const PATIENCE_NS = 50_000_000n;

/** Answers that mean something only after their request: request + 1 each. */
const ANSWERS: ReadonlySet<number> = new Set<number>([
  MONITOR.ansSign,
  MONITOR.ansPwnam,
  MONITOR.ansAuthPassword,
  MONITOR.ansKeyAllowed,
  MONITOR.ansKeyVerify,
  MONITOR.ansGssUserOk,
  MONITOR.ansPamAccount,
  MONITOR.ansPamInitCtx,
  MONITOR.ansPamQuery,
  MONITOR.ansPamRespond,
  MONITOR.ansPamFreeCtx,
]);

/** Asked for at every event, so not made anew each time. */
const NOTHING: readonly MonitorMessageEvent[] = [];

/** One connection's messages, request before answer. */
export class Pairing {
  #lastRequest: number | undefined;
  #held: MonitorMessageEvent | undefined;
  /** Events were lost: an answer without its request may be one whose request is gone, so the next request is not its. */
  #suspect = false;

  /** The messages that may be read now, in their true order. */
  push(message: MonitorMessageEvent): MonitorMessageEvent[] {
    const out = [...this.due(message.tsNs)];
    const held = this.#held;
    if (held !== undefined && message.type === held.type - 1) {
      this.#held = undefined;
      this.#lastRequest = held.type;
      out.push({ ...message, tsNs: held.tsNs }, { ...held, tsNs: message.tsNs });
      return out;
    }
    const suspect = this.#suspect;
    this.#suspect = false;
    if (ANSWERS.has(message.type) && this.#lastRequest !== message.type - 1 && held === undefined && !suspect) {
      this.#held = message;
      return out;
    }
    if (held !== undefined) {
      out.push(held);
      this.#held = undefined;
    }
    this.#lastRequest = message.type;
    out.push(message);
    return out;
  }

  /** An answer whose request did not come in time. */
  due(nowNs: bigint): readonly MonitorMessageEvent[] {
    const held = this.#held;
    if (held === undefined || nowNs - held.tsNs <= PATIENCE_NS) return NOTHING;
    this.#held = undefined;
    return [held];
  }

  /** Events were lost; gives what is still held. */
  gap(): MonitorMessageEvent[] {
    this.#suspect = true;
    return this.flush();
  }

  /** Whatever is still held. */
  flush(): MonitorMessageEvent[] {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? [] : [held];
  }
}
