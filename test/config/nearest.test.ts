import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../agent/config/nearest.ts';

test('finds the name that was meant, and none where none is near', () => {
  assert.equal(nearest('repaly', ['run', 'record', 'replay']), 'replay');
  assert.equal(nearest('recrod', ['run', 'record', 'replay']), 'record');
  assert.equal(nearest('install', ['run', 'record', 'replay']), undefined);
  assert.equal(nearest('x'.repeat(100_000), ['run']), undefined);
});
