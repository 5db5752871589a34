import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CommandFailure } from '../../agent/cli/command.ts';
import { privilegesLeft, requireUnprivileged } from '../../agent/cli/privileges.ts';

const nobody = [
  'Uid:\t65534\t65534\t65534\t65534',
  'Gid:\t65534\t65534\t65534\t65534',
  'Groups:\t ',
  'CapInh:\t0000000000000000',
  'CapPrm:\t0000000000000000',
  'CapEff:\t0000000000000000',
  'CapBnd:\t00000000000000c0',
  'CapAmb:\t0000000000000000',
  'NoNewPrivs:\t1',
  '',
].join('\n');

describe('privileges of the agent', () => {
  test('nobody without capabilities has none', () => {
    assert.deepEqual(privilegesLeft(nobody), []);
    requireUnprivileged(nobody);
  });

  test('each thing that is left is named', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['Uid:\t65534\t65534', 'Uid:\t65534\t0', 'Uid'],
      ['Gid:\t65534', 'Gid:\t0', 'Gid'],
      ['Groups:\t ', 'Groups:\t4 0 ', 'Groups'],
      ['CapInh:\t0000000000000000', 'CapInh:\t0000000000000001', 'CapInh'],
      ['CapPrm:\t0000000000000000', 'CapPrm:\t0000004000000000', 'CapPrm'],
      ['CapEff:\t0000000000000000', 'CapEff:\t0000004000000000', 'CapEff'],
      ['CapAmb:\t0000000000000000', 'CapAmb:\t0000004000000000', 'CapAmb'],
      ['NoNewPrivs:\t1', 'NoNewPrivs:\t0', 'NoNewPrivs'],
    ];
    for (const [from, to, name] of cases) assert.deepEqual(privilegesLeft(nobody.replace(from, to)), [name]);
  });

  test('what cannot be read counts as left', () => {
    assert.equal(privilegesLeft('').length, 8);
    assert.throws(() => requireUnprivileged(''), CommandFailure);
  });
});
