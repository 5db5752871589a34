import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limitArgs, limitString, MAX_STRING_BYTES } from '../../agent/span/limits.ts';
import { cutPoints, headOf, tailOf, utf8Length } from '../../agent/span/text.ts';

const bytesOf = (text: string): number => Buffer.byteLength(text);

test('a string within 2,048 bytes is left as it is, a longer one is cut and marked', () => {
  for (const character of ['a', 'é', '€', '😀']) {
    const fits = character.repeat(Math.floor(MAX_STRING_BYTES / bytesOf(character)));
    assert.equal(limitString(fits), fits);
    const cut = limitString(fits + character);
    assert.ok(bytesOf(cut) <= MAX_STRING_BYTES && bytesOf(cut) > MAX_STRING_BYTES - 8, `${bytesOf(cut)}`);
    assert.ok(cut.endsWith('…') && cut.isWellFormed());
  }
});

test('NULs and lone surrogates never reach a back end', () => {
  assert.equal(limitString('a\0b\ud800c'), 'ab\ufffdc');
});

test('the UTF-8 length of any text is what an encoder makes of it', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => utf8Length(text) === bytesOf(text)));
});

test('heads and tails fit, are well-formed, and are as long as they can be', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(60), (text, max) => {
      for (const [part, whole] of [
        [headOf(text, max), text.startsWith(headOf(text, max))],
        [tailOf(text, max), text.endsWith(tailOf(text, max))],
      ] as const) {
        assert.ok(whole && part.isWellFormed() && bytesOf(part) <= max);
        // A longer part would hold at least one more character of at most four bytes.
        assert.ok(part === text || bytesOf(part) > max - 4);
      }
    }),
  );
});

test('code points are counted, not halves of them', () => {
  assert.equal(cutPoints('😀😀😀', 3), '😀😀😀');
  assert.equal(cutPoints('😀😀😀😀', 3), '😀😀…');
});

test('arguments within the limit are left as they are, the empty ones too', () => {
  const args = ['sh', '', '-c', 'x'.repeat(65_000)];
  assert.deepEqual(limitArgs(args), { args, cut: false });
});

test('the longest arguments are cut in the middle, each to the same length, and say how much is missing', () => {
  const args = ['sh', '-c', `HEAD${'x'.repeat(100_000)}TAIL`, 'short', `head${'y'.repeat(90_000)}tail`];
  const { args: limited, cut } = limitArgs(args);
  assert.equal(cut, true);
  assert.deepEqual([limited[0], limited[1], limited[3]], ['sh', '-c', 'short']);
  for (const [i, head, tail, length] of [
    [2, 'HEAD', 'TAIL', 100_008],
    [4, 'head', 'tail', 90_008],
  ] as const) {
    const text = limited[i] ?? '';
    const [, missing] =
      /^[A-Za-z]+x*…\[(\d+) bytes cut\]…/.exec(text) ?? /^head.*?\[(\d+) bytes cut\]/.exec(text) ?? [];
    assert.ok(text.startsWith(head) && text.endsWith(tail), text.slice(0, 20));
    const kept = text.replace(/…\[\d+ bytes cut\]…/, '').length;
    assert.equal(kept + Number(missing), length);
  }
  const size = limited.reduce((sum, arg) => sum + bytesOf(arg) + 1, 0);
  assert.ok(size <= 65_536 && size > 65_000, `${size}`);
});

test('many long arguments are all still there, each cut', () => {
  const { args, cut } = limitArgs(Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(1_000, 'x')));
  assert.equal(cut, true);
  assert.equal(args.length, 100);
  assert.ok(args.every((arg, i) => arg.startsWith(`${i}`) && arg.includes('bytes cut')));
});

test('a flood of short arguments keeps both ends and says how many are missing', () => {
  const args = Array.from({ length: 100_000 }, (_, i) => `a${i}`);
  const { args: limited, cut } = limitArgs(args);
  assert.equal(cut, true);
  assert.equal(limited[0], 'a0');
  assert.equal(limited.at(-1), 'a99999');
  const marker = limited.find((arg) => arg.startsWith('…['));
  assert.equal(marker, `…[${100_000 - (limited.length - 1)} arguments cut]…`);
  assert.ok(limited.reduce((sum, arg) => sum + bytesOf(arg) + 1, 0) <= 65_536);
});

test('one setting lifts the limit', () => {
  const args = ['x'.repeat(1_000_000)];
  assert.deepEqual(limitArgs(args, Number.MAX_SAFE_INTEGER), { args, cut: false });
});

test('any arguments fit afterwards, in order, well-formed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 80 }),
      fc.integer({ min: 256, max: 4_000 }),
      (args, max) => {
        const { args: limited, cut } = limitArgs(args, max);
        assert.ok(limited.every((arg) => arg.isWellFormed() && !arg.includes('\0')));
        assert.ok(limited.length <= args.length + 1);
        if (cut) assert.ok(limited.reduce((sum, arg) => sum + bytesOf(arg) + 1, 0) <= max);
        else
          assert.deepEqual(
            limited,
            args.map((arg) => arg.replaceAll('\0', '')),
          );
      },
    ),
  );
});
