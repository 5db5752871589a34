import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeedRoots, findSeedRoots, MOST_ROOTS, type ProcProcess } from '../../agent/source/proc-seeds.ts';

/** A process; by default none of sshd's. */
function process(pid: number, ppid: number, more: Partial<ProcProcess> = {}): ProcProcess {
  return { pid, ppid, uid: 0, program: 'bash', sockets: 'none', ...more };
}

const LISTENER = process(100, 1, { program: 'sshd', sockets: 'listening' });
const MONITOR = process(200, 100, { program: 'sshd-session', sockets: 'connected' });

test('a listener is a root, and all below it is counted', () => {
  const processes = [LISTENER, MONITOR, process(300, 200, { uid: 1000, program: 'sshd-session' }), process(400, 300)];
  assert.deepEqual(chooseSeedRoots(processes), {
    roots: [{ pid: 100, kind: 'listener' }],
    pids: [100, 200, 300, 400],
    untold: 0,
  });
});

test('a monitor whose listener is gone is a root of its own, behind the listeners', () => {
  const orphan = process(50, 1, { program: 'sshd', sockets: 'connected' });
  const { roots, pids } = chooseSeedRoots([orphan, process(51, 50), LISTENER, MONITOR]);
  const expected = [
    { pid: 100, kind: 'listener' },
    { pid: 50, kind: 'monitor' },
  ];
  assert.deepEqual(roots, expected);
  assert.equal(pids.length, 4);
});

test("what only calls itself sshd, or is not root's, or has no connection, is none", () => {
  const others = [
    process(1, 0, { program: 'systemd' }),
    process(10, 1, { program: 'sshd', uid: 1000, sockets: 'listening' }),
    process(11, 1, { program: 'sshd-lookalike', sockets: 'listening' }),
    process(12, 1, { program: 'sshd', sockets: 'none' }),
    process(13, 1, { program: 'sshd-session', sockets: 'listening' }),
  ];
  assert.deepEqual(chooseSeedRoots(others), { roots: [], pids: [], untold: 0 });
});

test('of one listener alone: neither another one nor an orphan', () => {
  const other = process(101, 1, { program: 'sshd', sockets: 'listening' });
  const orphan = process(50, 1, { program: 'sshd', sockets: 'connected' });
  const { roots } = chooseSeedRoots([LISTENER, other, orphan, MONITOR], 100);
  assert.deepEqual(roots, [{ pid: 100, kind: 'listener' }]);
});

test('a circle of parents, as a table that changes while it is read may show, does not hang', () => {
  const processes = [{ ...LISTENER, ppid: 200 }, MONITOR];
  assert.equal(chooseSeedRoots(processes).pids.length, 2);
});

test('roots beyond what can be told of are counted with all below them', () => {
  const many = Array.from({ length: MOST_ROOTS + 2 }, (_, n) =>
    process(1_000 + n, 1, { program: 'sshd', sockets: 'connected' }),
  );
  const { roots, pids, untold } = chooseSeedRoots([...many, process(5_000, 1_000 + MOST_ROOTS)]);
  assert.deepEqual([roots.length, pids.length, untold], [MOST_ROOTS, MOST_ROOTS, 3]);
});

test('this host can be looked at', () => {
  const { roots, pids } = findSeedRoots();
  assert.ok(pids.length >= roots.length);
});
