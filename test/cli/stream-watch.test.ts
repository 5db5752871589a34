import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StreamWatch } from '../../agent/cli/stream-watch.ts';

describe('stream watch', () => {
  test('finds a producer stalled 5 s after its last clock record, once', () => {
    const watch = new StreamWatch();
    assert.equal(watch.seen(1, 1_000), false);
    assert.equal(watch.check(5_999), false);
    assert.equal(watch.check(6_000), true);
    assert.equal(watch.state, 'stalled');
    assert.equal(watch.check(9_000), false);
  });

  test('records without a clock do not keep it alive', () => {
    const watch = new StreamWatch();
    watch.seen(1, 0);
    watch.seen(1, 4_000);
    assert.equal(watch.check(5_000), true);
  });

  test('says when it is back, and can find it stalled again', () => {
    const watch = new StreamWatch();
    watch.seen(1, 0);
    watch.check(5_000);
    assert.equal(watch.seen(2, 6_000), true);
    assert.equal(watch.seen(3, 7_000), false);
    assert.equal(watch.check(12_000), true);
  });

  test('a producer that has not begun has not stalled', () => {
    assert.equal(new StreamWatch().check(60_000), false);
  });
});
