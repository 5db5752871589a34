import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StraceFact } from '../live/witness/strace.ts';
import { processTree } from './process-tree.ts';

const exec = (pid: number, atMs: number, name: string): StraceFact => ({
  ...{ kind: 'exec', pid, atMs, returnedMs: atMs, file: `/bin/${name}`, argv: [name] },
});
const fork = (pid: number, atMs: number, child: number): StraceFact => ({ kind: 'fork', pid, atMs, child });
const end = (pid: number, atMs: number, code: number): StraceFact => ({ kind: 'end', pid, atMs, code });

const LOGIN: StraceFact[] = [
  { kind: 'accept', pid: 10, atMs: 1, address: '127.0.0.2', port: 22 },
  fork(10, 2, 20),
  fork(20, 3, 30),
  exec(30, 4, 'sh'),
];

test('who gets a number that somebody had before is another process', () => {
  const facts = [...LOGIN, fork(30, 5, 40), exec(40, 6, 'one'), end(40, 7, 1), fork(30, 8, 40), exec(40, 9, 'two')];
  const [connection] = processTree(facts, () => undefined).connections;
  const children = connection?.monitor.children[0]?.children ?? [];
  assert.deepEqual(
    children.map(({ pid, again, execs, end: over }) => [pid, again, execs.map(({ argv }) => argv[0]), over?.text]),
    [
      [40, 0, ['one'], 'exit 1'],
      [40, 1, ['two'], undefined],
    ],
  );
});

test('a birth that the parent hears of after the death is no second birth', () => {
  const facts = [...LOGIN, exec(40, 6, 'one'), end(40, 7, 1), fork(30, 8, 40)];
  const [connection] = processTree(facts, () => undefined).connections;
  const children = connection?.monitor.children[0]?.children ?? [];
  assert.deepEqual(
    children.map(({ pid, again, end: over }) => [pid, again, over?.text]),
    [[40, 0, 'exit 1']],
  );
});

test('a fork that outlives its program counts for nobody', () => {
  const facts = [...LOGIN, fork(30, 5, 40), fork(30, 6, 50), end(40, 7, 0), end(30, 8, 0), end(50, 2_000, 0)];
  const [connection] = processTree(facts, () => undefined).connections;
  assert.equal(connection?.monitor.children[0]?.execs[0]?.forks, 1);
});

test('what the process that serves a client accepts is a use of a forward, no connection', () => {
  const use = (pid: number): StraceFact => ({ kind: 'accept', pid, atMs: 5, address: '127.0.0.1', port: 9 });
  const tree = processTree([...LOGIN, fork(20, 4, 21), use(20), use(21), use(10)], () => undefined);
  assert.deepEqual([tree.connections.length, tree.dropped], [1, [{ address: '127.0.0.1', port: 9, listener: 10 }]]);
});
