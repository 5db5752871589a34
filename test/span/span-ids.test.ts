import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type IdKey, idKey, instanceId, nonZero, spanId, traceId } from '../../agent/span/span-ids.ts';
import type { SpanKind } from '../../agent/sshd/session-event.ts';

const BOOT = '6f1d2c3b-4a59-4687-9e0d-1c2b3a495867';
const MONITOR = { pid: 812, startNs: 5_000_000_000_000n };
const ZERO = idKey(new Uint8Array(32));
const COUNTING = idKey(Uint8Array.from({ length: 32 }, (_, i) => i));

interface Vector {
  readonly key: IdKey;
  readonly segment: number;
  readonly what: readonly string[];
  readonly id: string;
}

/** The table of `docs/ids.md`, made by another implementation (Python's `hmac`). */
function publishedVectors(): Vector[] {
  const page = readFileSync(new URL('../../docs/ids.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| (zero|counting) +\| (\d+) +\| `([^`]+)` +\| `([0-9a-f]+)` +\|$/gm);
  return [...rows].map(([, key = '', segment = '', what = '', id = '']) => ({
    key: key === 'zero' ? ZERO : COUNTING,
    segment: Number(segment),
    what: what.split(' '),
    id,
  }));
}

test('ids are those of the published test vectors', () => {
  const vectors = publishedVectors();
  assert.equal(vectors.length, 16);
  for (const { key, segment, what, id } of vectors) {
    const trace = traceId(key, BOOT, MONITOR, segment);
    const [kind = '', ...parts] = what;
    const got = kind === 'trace' ? trace : spanId(key, trace, { kind: kind as SpanKind, key: parts });
    assert.equal(got, id, `segment ${segment}: ${what.join(' ')}`);
  }
});

test('every input changes the id', () => {
  const base = traceId(ZERO, BOOT, MONITOR, 0);
  const ids = new Set([
    base,
    traceId(COUNTING, BOOT, MONITOR, 0),
    traceId(ZERO, `${BOOT}0`, MONITOR, 0),
    traceId(ZERO, BOOT, { ...MONITOR, pid: 813 }, 0),
    traceId(ZERO, BOOT, { ...MONITOR, startNs: MONITOR.startNs + 1n }, 0),
    traceId(ZERO, BOOT, MONITOR, 1),
  ]);
  assert.equal(ids.size, 6);
  const spans = new Set([
    spanId(ZERO, base, { kind: 'session', key: ['1', '2'] }),
    spanId(ZERO, base, { kind: 'program', key: ['1', '2'] }),
    spanId(ZERO, base, { kind: 'program', key: ['12'] }),
    spanId(ZERO, base, { kind: 'program', key: ['1', '2', '1'] }),
  ]);
  assert.equal(spans.size, 4);
});

test('an id of only zeros, which means no id on the wire, becomes one', () => {
  assert.equal(nonZero('0000000000000000'), '0000000000000001');
  assert.equal(nonZero('0000000000000100'), '0000000000000100');
});

test('a key of another length is a programming error', () => {
  assert.throws(() => idKey(new Uint8Array(31)), RangeError);
});

test('an instance id is the UUIDv5 of the host id', () => {
  // Python: uuid.uuid5(uuid.UUID('4d63009a-8d0f-11ee-aad7-4c796ed8e320'), '00112233445566778899aabbccddeeff')
  assert.equal(instanceId('00112233445566778899aabbccddeeff'), '2f6511de-4190-5cb2-ae7b-8984d69f81f0');
});
