import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { tell } from '../helpers/model.ts';

const clock = (tsNs: bigint, wallNs: bigint): KernelEvent => ({ kind: 'clock', tsNs, wallNs });
const monitor = { pid: 20, startNs: 20n };

test('a connection that was there before the first clock record is dated by it', () => {
  const seed: KernelEvent = { kind: 'seed', tsNs: 50n, process: monitor, conn: monitor, role: 'sshd', env: [] };
  const [told] = tell([seed, clock(60n, 1_000_060n), clock(70n, 5_000_070n)]).connections;
  assert.equal(told?.facts.wallOffsetNs, 1_000_000n);
});

test('a step of the clock bends no trace: a connection keeps the offset of its beginning', () => {
  const fork = (child: typeof monitor, tsNs: bigint): KernelEvent => ({
    kind: 'fork',
    tsNs,
    process: { pid: 7, startNs: 7n },
    role: 'listener',
    child,
  });
  const later = { pid: 21, startNs: 80n };
  const told = tell([clock(10n, 110n), fork(monitor, 20n), clock(70n, 5_070n), fork(later, 80n)]).connections;
  assert.deepEqual(
    told.map((c) => c.facts.wallOffsetNs),
    [100n, 5_000n],
  );
});
