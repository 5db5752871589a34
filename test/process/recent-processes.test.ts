import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentProcesses } from '../../agent/process/recent-processes.ts';

const id = (pid: number, start = pid) => ({ pid, startNs: BigInt(start) });

describe('RecentProcesses', () => {
  it('remembers the last, and never more than twice as many', () => {
    const recent = new RecentProcesses(10);
    for (let pid = 1; pid < 1_000; pid++) {
      recent.add(id(pid));
      for (let back = 0; back < 10; back++) assert.equal(recent.has(id(pid - back)), pid - back > 0);
      assert.equal(recent.has(id(pid - 20)), false);
    }
  });

  it('knows that who had a pid before is over, and that who has it after is not', () => {
    const recent = new RecentProcesses(10);
    recent.add(id(7, 100));
    recent.add(id(7, 200));
    assert.deepEqual(
      [100, 150, 200, 201].map((start) => recent.has(id(7, start))),
      [true, true, true, false],
    );
    recent.clear();
    assert.equal(recent.has(id(7, 200)), false);
  });
});
