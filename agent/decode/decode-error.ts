/** What was wrong with a line. It never holds a byte of the line: a recording's secrets must not reach a log. */
export interface DecodeError {
  readonly kind: DecodeErrorKind;
  /** Counted from 1 over the whole stream. */
  readonly lineNumber: number;
  /** Where the line begins in the stream, in bytes. */
  readonly offset: number;
  /** Length of the line in bytes, without its newline. */
  readonly length: number;
  /** Kind of the record and name of the field, where known; both are words of the format, not of the line. */
  readonly record?: string | undefined;
  readonly field?: string | undefined;
}

/**
 * - `producer-text`: a line that looks like bpftrace's own messages; never believed, only counted apart
 * - `not-a-record`: any other line that doesn't begin `{"k":"`
 * - `not-json`: begins like a record but isn't JSON (as a cut line)
 * - `unknown-kind`: a kind of a later format
 * - `missing-field`, `out-of-range`: a mandatory field is absent; a field has a wrong type or value
 * - `line-too-long`: more than 131,072 bytes
 */
export type DecodeErrorKind =
  | 'producer-text'
  | 'not-a-record'
  | 'not-json'
  | 'unknown-kind'
  | 'missing-field'
  | 'out-of-range'
  | 'line-too-long';

/** A producer that speaks a newer format than this agent. */
export class UnsupportedVersionError extends Error {
  override readonly name = 'UnsupportedVersionError';
  readonly found: number;
  readonly supported: number;

  constructor(found: number, supported: number) {
    super(`the stream has event format version ${found}, this agent reads version ${supported}: update sshd-otel`);
    this.found = found;
    this.supported = supported;
  }
}
