import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedValues } from '../../agent/decode/shared-values.ts';

const SLEEP = '736c656570';

describe('values that processes share', () => {
  it('are one object for one spelling', () => {
    const values = new SharedValues();
    const first = values.of(SLEEP);
    assert.deepEqual(first, { bytes: new TextEncoder().encode('sleep'), length: 5 });
    assert.equal(values.of(SLEEP), first);
    assert.notEqual(values.of('6c73'), first);
  });

  it('are nothing where the spelling is no hex, each time', () => {
    const values = new SharedValues();
    for (let time = 0; time < 2; time++) assert.equal(values.of('7'), undefined);
  });

  it('are made anew when they are long', () => {
    const values = new SharedValues();
    const long = '61'.repeat(200);
    assert.equal(values.of(long)?.length, 200);
    assert.notEqual(values.of(long), values.of(long));
  });

  it('are forgotten when thousands of others came, unless they are used', () => {
    const values = new SharedValues();
    const used = values.of(SLEEP);
    const unused = values.of('6c73');
    for (let other = 0; other < 20_000; other++) {
      values.of(other.toString(16).padStart(8, '0'));
      assert.equal(values.of(SLEEP), used);
    }
    assert.notEqual(values.of('6c73'), unused);
  });
});
