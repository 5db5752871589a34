import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecEvent, ForkEvent, KernelEvent, ProcessId } from '../../agent/decode/kernel-event.ts';
import type { ProcessChange } from '../../agent/process/process-change.ts';
import { ProcessTable } from '../../agent/process/process-table.ts';

const id = (pid: number, startNs: bigint = BigInt(pid)): ProcessId => ({ pid, startNs });
const fork = (parent: ProcessId, child: ProcessId, more: Partial<ForkEvent> = {}): ForkEvent => ({
  kind: 'fork',
  tsNs: child.startNs,
  process: parent,
  child,
  ...more,
});
const exec = (process: ProcessId, tsNs: bigint, more: Partial<ExecEvent> = {}): ExecEvent => ({
  kind: 'exec',
  tsNs,
  process,
  env: [],
  ...more,
});
const exit = (process: ProcessId, tsNs: bigint, execId?: number): KernelEvent => ({
  kind: 'exit',
  tsNs,
  process,
  code: 0,
  signal: 0,
  core: false,
  execId,
});

function changes(events: readonly KernelEvent[], table = new ProcessTable()): ProcessChange[] {
  return events.flatMap((event) => table.apply(event));
}

const shown = (list: readonly ProcessChange[]): string[] =>
  list.map(
    (c) => `${c.type}${'process' in c ? ` ${c.process.id.pid}` : ''}${'continuity' in c ? ` ${c.continuity}` : ''}`,
  );

test('a fork, two programs, an exit: one process, and nothing is left', () => {
  const table = new ProcessTable();
  const list = changes(
    [fork(id(1), id(10)), exec(id(10), 11n), exec(id(10), 12n), exit(id(10), 13n), exit(id(1), 14n)],
    table,
  );
  assert.deepEqual(shown(list), [
    'adopted 1',
    'forked 10',
    'executed 10 unknown',
    'executed 10 unknown',
    'exited 10 unknown',
    'exited 1 unknown',
  ]);
  assert.equal(table.size, 0);
});

test('the exec numbers of the kernel tell a missed exec', () => {
  const list = changes([
    fork(id(1), id(10), { execId: 7 }),
    exec(id(10), 11n, { execId: 8 }),
    exec(id(10), 12n, { execId: 10 }),
    exit(id(10), 13n, 11),
  ]);
  assert.deepEqual(shown(list).slice(2), ['executed 10 whole', 'executed 10 broken', 'exited 10 broken']);
});

test('a pid that starts anew is another process, and the old one is gone', () => {
  const table = new ProcessTable();
  const list = changes([fork(id(1), id(10, 100n)), fork(id(1), id(10, 200n))], table);
  assert.deepEqual(shown(list).slice(1), ['forked 10', 'vanished 10', 'forked 10']);
  assert.equal(table.counters.vanished, 1);
});

test('a child inherits; the child of a listener is its own connection', () => {
  const table = new ProcessTable();
  const list = changes(
    [fork(id(1), id(10), { role: 'listener' }), fork(id(10), id(20), { role: 'sshd', sid: 10 })],
    table,
  );
  const [monitor, child] = list.flatMap((c) => (c.type === 'forked' ? [c.process] : []));
  assert.deepEqual([monitor?.conn, monitor?.role], [id(10), 'sshd']);
  assert.deepEqual([child?.conn, child?.role, child?.sid], [id(10), 'sshd', 10]);
});

test('setsid is told once, also when only an exec or an exit shows it', () => {
  const seen = shown(
    changes([fork(id(1), id(10), { sid: 1 }), exec(id(10), 11n, { sid: 10 }), exec(id(10), 12n, { sid: 10 })]),
  );
  assert.deepEqual(seen.slice(2), ['identity 10', 'executed 10 unknown', 'executed 10 unknown']);
});

test('a straggler of an exited process brings nothing back', () => {
  const table = new ProcessTable();
  changes([fork(id(1), id(10)), exit(id(10), 11n), exec(id(10), 10n)], table);
  assert.equal(table.counters.afterExit, 1);
  assert.equal(table.size, 1);
});

test('a new producer tells of all that is alive: the rest is gone', () => {
  const table = new ProcessTable();
  changes([fork(id(1), id(10)), fork(id(1), id(11))], table);
  const hello: KernelEvent = {
    kind: 'hello',
    tsNs: 50n,
    version: 1,
    producer: 'x',
    producerVersion: '1',
    hooks: [],
    fills: [],
  };
  const list = changes(
    [
      hello,
      { kind: 'seed', tsNs: 51n, process: id(10), env: [] },
      fork(id(10), id(52)),
      { kind: 'seed-end', tsNs: 53n, count: 1 },
    ],
    table,
  );
  assert.deepEqual(shown(list), ['hello', 'seeded 10', 'forked 52', 'vanished 1', 'vanished 11']);
});

test('a socket that outlived its process brings back nobody who died while no agent ran', () => {
  const table = new ProcessTable();
  const [hello, monitor, tsNs] = [{ kind: 'hello', tsNs: 50n } as KernelEvent, id(10), 60n];
  const about = { tsNs, process: monitor, conn: monitor, role: 'sshd' as const, oldState: 4, newState: 7 };
  const closes: KernelEvent[] = [
    { kind: 'tcp', ...about },
    { kind: 'forward', cookie: '1', op: 'connect', ...about },
  ];
  const list = changes([hello, { kind: 'seed-end', tsNs: 51n, count: 0 }, ...closes], table);
  assert.deepEqual(shown(list), ['hello']);
  assert.deepEqual([table.size, table.counters.afterExit], [0, 2]);
  // What a socket does before its end, it does for somebody who lives: his fork was lost.
  changes([{ kind: 'forward', cookie: '1', op: 'listen', ...about, oldState: 7, newState: 10 }, ...closes], table);
  assert.equal(table.size, 1);
});
