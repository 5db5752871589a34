import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeHex, encodeHex } from '../../agent/decode/hex.ts';

describe('hex', () => {
  it('gives back every byte string', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.deepEqual(decodeHex(encodeHex(bytes)), bytes);
      }),
    );
  });

  it('ignores spaces between pairs', () => {
    assert.deepEqual(decodeHex(' 00 0aff  10 '), Uint8Array.of(0x00, 0x0a, 0xff, 0x10));
  });

  for (const text of [
    '0',
    '000',
    '0 0',
    '0A',
    '0g',
    '\\x00',
    '00\n',
    'é0',
    '0é',
    'Ā0',
    '\u{130}0',
    '0\u{130}',
    '0\u{10330}',
    '::',
    '//',
    '``',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(decodeHex(text), undefined);
    });
  }
});
