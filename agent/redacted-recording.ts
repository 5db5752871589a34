/** An event stream made fit to be passed on: the same events without the secrets that the redactor knows. No I/O. */
import { encodeEvent } from './decode/encode-event.ts';
import { StreamDecoder } from './decode/stream-decoder.ts';
import { redactEvent } from './span/redact/redact-event.ts';
import type { Redactor } from './span/redactor.ts';

/**
 * State changes only in `push` and `end`. What the redactor cannot look into does not pass: comments, lines that are no
 * records, unknown fields and kinds.
 */
export class RedactedRecording {
  readonly #decoder = new StreamDecoder();
  readonly #redactor: Redactor;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /**
   * Lines that are ready after this chunk.
   * @throws UnsupportedVersionError if the producer speaks a newer format
   */
  push(chunk: Uint8Array): string {
    return this.#encode(this.#decoder.push(chunk));
  }

  /** The stream is over: what was held. */
  end(): string {
    return this.#encode(this.#decoder.end());
  }

  #encode(events: ReturnType<StreamDecoder['push']>): string {
    return events.map((event) => encodeEvent(redactEvent(event, this.#redactor))).join('');
  }
}
