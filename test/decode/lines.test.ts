import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type Line, LineSplitter, MAX_LINE_BYTES } from '../../agent/decode/lines.ts';
import { toBytes } from './decoding.ts';

function split(chunks: readonly (string | Uint8Array)[]): Line[] {
  const splitter = new LineSplitter();
  const lines = chunks.flatMap((chunk) => splitter.push(typeof chunk === 'string' ? toBytes(chunk) : chunk));
  return [...lines, ...splitter.end()];
}

/** Also what lies outside of V8's heap, as the text of a decoded chunk does. */
function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('LineSplitter', () => {
  it('tells number, offset and length of each line', () => {
    assert.deepEqual(split(['ab\n\ncde\n']), [
      { text: 'ab', number: 1, offset: 0, length: 2 },
      { text: '', number: 2, offset: 3, length: 0 },
      { text: 'cde', number: 3, offset: 4, length: 3 },
    ]);
  });

  it('gives the same lines wherever the bytes are cut', () => {
    const bytes = fc.array(fc.constantFrom(0x0a, 0x61, 0xff, 0xc3, 0x00), { maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(8)), (content, sizes) => {
        const whole = Uint8Array.from(content);
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(whole.subarray(at, at + size));
          at += size;
        }
        chunks.push(whole.subarray(at));
        assert.deepEqual(split(chunks), split([whole]));
      }),
    );
  });

  it('keeps one char for each byte of garbage', () => {
    assert.deepEqual(split([Uint8Array.of(0xc3, 0xa9, 0x80, 0x0a)])[0]?.length, 3);
  });

  it('gives a last line without its newline at the end', () => {
    assert.deepEqual(split(['a\nb']), [
      { text: 'a', number: 1, offset: 0, length: 1 },
      { text: 'b', number: 2, offset: 2, length: 1 },
    ]);
    assert.deepEqual(split(['a\n']).length, 1);
  });

  for (const size of [1, 1_000, MAX_LINE_BYTES * 3]) {
    it(`skips a line beyond the limit and goes on at the next, in chunks of ${size}`, () => {
      const bytes = toBytes(`${'x'.repeat(MAX_LINE_BYTES + 1)}\n${'y'.repeat(MAX_LINE_BYTES)}\nz\n`);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const [long, longest, last] = split(chunks);
      assert.deepEqual(long, { number: 1, offset: 0, length: MAX_LINE_BYTES + 1 });
      assert.equal(longest?.text?.length, MAX_LINE_BYTES);
      assert.deepEqual(last, { text: 'z', number: 3, offset: MAX_LINE_BYTES * 2 + 3, length: 1 });
    });
  }

  it('keeps nothing of a line that never ends', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const splitter = new LineSplitter();
    const chunk = toBytes('x'.repeat(2 ** 20));
    collect();
    const before = usedBytes();
    for (let mebibytes = 0; mebibytes < 100; mebibytes++) splitter.push(chunk);
    collect();
    const grownBytes = usedBytes() - before;
    assert.ok(grownBytes < 10 * 2 ** 20, `${grownBytes} bytes are held`);
    assert.equal(splitter.end()[0]?.length, 100 * 2 ** 20);
  });
});
