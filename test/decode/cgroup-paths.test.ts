/** Paths of cgroups reach the events that name them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords, hex, textOf } from './decoding.ts';

const HELLO = { k: 'hello', ts: '1', v: 1, producer: 'libbpf', version: '1' };
const cgroup = (id: string, path: string, more: object = {}) => ({
  k: 'cgroup',
  ts: '1000',
  id,
  depth: path.split('/').length - 1,
  path: hex(path),
  ...more,
});
const exec = (ts: string, id: string) => ({ k: 'exec', ts, pid: 7, start: '1', cgroup: id });
const ADDRESS = { peer: '192.0.2.1', peer_port: 5 };

function paths(records: readonly object[]): (string | undefined)[] {
  const { events, decoder } = decodeRecords(records);
  assert.deepEqual(decoder.errors, []);
  return events.flatMap((event) => ('cgroupPath' in event ? [textOf(event.cgroupPath?.bytes)] : []));
}

test('an exec, an accept and a seed get the path of their cgroup', () => {
  const records = [
    cgroup('77', '/system.slice/ssh.service'),
    { k: 'seed', ts: '1001', pid: 7, start: '1', cgroup: '77' },
    { k: 'accept', ts: '1002', pid: 8, start: '2', cgroup: '77', ...ADDRESS },
    exec('1003', '77'),
    exec('1004', '78'),
  ];
  const path = '/system.slice/ssh.service';
  assert.deepEqual(paths(records), [path, path, path, undefined]);
});

test('also one whose time is before that of the path, or whose line came first', () => {
  assert.deepEqual(paths([cgroup('77', '/a'), exec('900', '77')]), ['/a']);
  assert.deepEqual(paths([exec('1003', '77'), cgroup('77', '/a')]), ['/a']);
});

test('a new producer begins with none, and a path that is told anew is the one that counts', () => {
  assert.deepEqual(paths([HELLO, cgroup('77', '/a'), exec('1003', '77'), HELLO, exec('1003', '77')]), [
    '/a',
    undefined,
  ]);
  assert.deepEqual(
    paths([
      cgroup('77', '/a'),
      exec('1003', '77'),
      { ...setClock('900000000') },
      cgroup('77', '/b'),
      exec('900000001', '77'),
    ]),
    ['/a', '/b'],
  );
});

function setClock(ts: string): object {
  return { k: 'clock', ts, wall: ts };
}

test('paths are forgotten in the order of their use, thousands later', () => {
  const many = Array.from({ length: 20_000 }, (_, n) => ({ ...cgroup(String(n + 100), `/x/${n}`), ts: `${n}000000` }));
  const used = many.flatMap((one, n) => (n % 1_000 === 0 ? [one, exec(one.ts, '1')] : [one]));
  const last = '20000000000';
  const found = paths([cgroup('1', '/used'), cgroup('2', '/unused'), ...used, exec(last, '1'), exec(last, '2')]);
  assert.deepEqual(found.slice(-2), ['/used', undefined]);
});

test('a path of another shape is refused', () => {
  for (const bad of [
    cgroup('77', 'no/slash'),
    cgroup('77', '/a', { depth: -1 }),
    cgroup('77', `/${'a'.repeat(1_024)}`),
    cgroup('77', '/a', { path: '/a' }),
    { k: 'cgroup', ts: '1', depth: 1, path: hex('/a') },
  ]) {
    const { counters, events } = decodeRecords([bad, exec('1003', '77')]);
    assert.equal(counters.records, 1, JSON.stringify(bad).slice(0, 80));
    assert.equal(events.length, 1);
  }
});

test('a cgroup too deep to be told has no path', () => {
  assert.deepEqual(paths([{ k: 'cgroup', ts: '1', id: '77', depth: 90 }, exec('1003', '77')]), [undefined]);
});
