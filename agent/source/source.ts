/** A door through which an event stream comes in. */

/** How a source ended. */
export interface SourceEnd {
  /** The source itself was whole; whether the stream in it was, its `end` record tells. */
  readonly complete: boolean;
  /** One clause for people, for instance `the file is cut inside its compression`. */
  readonly reason: string;
}

/**
 * Bytes of one stream. They are read as they are asked for: a slow reader holds the producer back.
 * `chunks` can be walked once and never throws; `ended` never rejects.
 */
export interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly ended: Promise<SourceEnd>;
  /** Ends `chunks` soon, wherever they are. May be called at any time, and twice. */
  close(): void;
}
