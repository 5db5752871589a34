/** The handshake: collects the moments between accept and the first user name, and tells the span and its leaves. */
import type { Connection } from './connection.ts';
import { MONITOR } from './monitor-protocol.ts';
import { PHASES } from './phases.ts';
import { ROOT, type SpanRef } from './session-event.ts';

const REF: SpanRef = { kind: 'handshake', key: [] };

export class Handshake {
  /** Re-exec of the monitor, or its first log line. */
  startedNs: bigint | undefined;
  networkChildNs: bigint | undefined;
  /** Configuration handed over (type 52); the network child is at work. */
  #readyNs: bigint | undefined;
  /** Type 18: the network child reads the banner (10.3 and later). */
  #bannerByNetworkChild = false;
  #signRequestNs: bigint | undefined;
  #signedNs: bigint | undefined;
  /** Events were lost: between which two of its moments is not known, so no leaf can be told. */
  gapped = false;
  #done = false;

  get done(): boolean {
    return this.#done;
  }

  /** A monitor message, of whatever phase. */
  message(type: number, tsNs: bigint): void {
    if (type === MONITOR.reqSetcompat) this.#bannerByNetworkChild = true;
    else if (type === MONITOR.ansState) this.#readyNs = tsNs;
    else if (type === MONITOR.reqSign) this.#signRequestNs ??= tsNs;
    else if (type === MONITOR.ansSign) this.#signedNs ??= tsNs;
  }

  /** Nothing can be told: the signal of its end is lost, or the connection was adopted late. */
  skip(): void {
    this.#done = true;
  }

  /** The first user name was seen, or the connection ended before it. */
  end(connection: Connection, tsNs: bigint): void {
    if (this.#done) return;
    this.#done = true;
    const startNs = connection.startNs;
    if (!this.gapped) this.#leaves(connection, startNs, tsNs);
    const keyExchangeNs = this.#signedNs === undefined ? {} : { keyExchangeNs: this.#signedNs - startNs };
    connection.tell({ kind: 'handshake', ref: REF, parent: ROOT, startNs, endNs: tsNs, ...keyExchangeNs }, tsNs);
  }

  #leaves(connection: Connection, startNs: bigint, endNs: bigint): void {
    let at = startNs;
    const leaf = (phase: (typeof PHASES)[keyof typeof PHASES], untilNs: bigint | undefined): void => {
      if (untilNs === undefined || untilNs <= at) return;
      connection.phase(phase, REF, at, untilNs);
      at = untilNs;
    };
    leaf(PHASES.startup, this.#bannerByNetworkChild ? this.networkChildNs : this.startedNs);
    if (!this.#bannerByNetworkChild) {
      // Without a network child nothing tells the banner from the rest, but that nobody got any further.
      const banner = this.networkChildNs ?? (connection.userSeen ? undefined : endNs);
      leaf(PHASES.banner, banner);
    }
    leaf(PHASES.privilegeSeparation, this.#readyNs);
    if (this.#signRequestNs === undefined) return leaf(PHASES.keyExchange, endNs);
    leaf(PHASES.keyExchange, this.#signRequestNs);
    leaf(PHASES.hostKeySignature, this.#signedNs);
    leaf(PHASES.serviceRequest, endNs);
  }
}
