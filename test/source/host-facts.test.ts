import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuNumbers, readHostFacts } from '../../agent/source/host-facts.ts';

test('the highest CPU number decides, whatever the list looks like', () => {
  assert.deepEqual(['0-3\n', '0\n', '0,2-7\n', '0-127', ''].map(cpuNumbers), [4, 1, 8, 128, 1]);
});

test('this host has a boot id and a CPU', () => {
  const facts = readHostFacts();
  assert.match(facts.bootId, /^[0-9a-f-]{36}$/);
  assert.ok(facts.cpus >= 1);
  assert.ok(facts.machineId === undefined || facts.machineId.length === 32);
});
