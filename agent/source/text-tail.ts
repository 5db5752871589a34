import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const TAIL_BYTES = 4096;
const LINE_CHARACTERS = 4096;

/** Reads a text stream to its end, whatever it holds, and keeps only its last 4 kB. */
export class TextTail {
  private tail = Buffer.alloc(0);
  private line = '';
  private readonly decoder = new StringDecoder('utf8');
  private readonly onLine: ((line: string) => void) | undefined;

  constructor(onLine?: ((line: string) => void) | undefined) {
    this.onLine = onLine;
  }

  /** Resolves when the stream has ended or failed. */
  readFrom(stream: Readable | undefined): Promise<void> {
    if (stream === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      stream.on('data', (chunk: Buffer) => this.add(chunk));
      stream.once('error', () => resolve());
      stream.once('close', () => {
        this.flushLine();
        resolve();
      });
    });
  }

  text(): string {
    return this.tail.toString('utf8');
  }

  private add(chunk: Buffer): void {
    this.tail = Buffer.from(Buffer.concat([this.tail, chunk]).subarray(-TAIL_BYTES));
    if (this.onLine === undefined) return;
    const lines = (this.line + this.decoder.write(chunk)).split('\n');
    this.line = (lines.pop() ?? '').slice(0, LINE_CHARACTERS);
    for (const line of lines) this.onLine(line.slice(0, LINE_CHARACTERS));
  }

  private flushLine(): void {
    if (this.line === '') return;
    this.onLine?.(this.line);
    this.line = '';
  }
}
