import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseDelayNs, heldUntilNs, tightenedBaseNs } from '../../agent/sshd/reply-delay.ts';
import { ROOT } from '../../agent/sshd/session-event.ts';
import { decodeAll, ofKind, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

const ms = (n: number): bigint => BigInt(Math.round(n * 1e6));
const gap = (answerMs: number, nextMs: number) => ({
  parent: ROOT,
  requestNs: 0n,
  answerNs: ms(answerMs),
  nextNs: ms(nextMs),
});

test('a quick answer is held back until the base, a slow one until the base has doubled beyond it', () => {
  assert.equal(heldUntilNs(gap(1, 500), ms(6)), ms(6));
  assert.equal(heldUntilNs(gap(405, 2000), ms(6)), ms(768));
  assert.equal(heldUntilNs(gap(5001, 9000), ms(6)), ms(5001), 'beyond 5 s nothing is added');
  assert.equal(heldUntilNs(gap(405, 500), ms(6)), ms(500), 'the client cannot have gone on before the answer');
});

test('a late wake-up is not multiplied: stretches that the client cannot have shortened bound the base', () => {
  const twoSeconds = gap(2000, 3075);
  assert.equal(heldUntilNs(twoSeconds, ms(6.1)), ms(3075), 'the base was taken 0.1 ms too long');
  const base = tightenedBaseNs(ms(6.1), [twoSeconds, gap(405, 1500)]);
  assert.ok(base > ms(6.005) && base < ms(6.006), String(base));
  assert.ok(heldUntilNs(gap(405, 1500), base) < ms(769));
  assert.equal(tightenedBaseNs(ms(6.1), [gap(405, 500)]), ms(6.1), 'not by a stretch that does not fit at all');
});

test('a login reveals the base; other times have none', () => {
  assert.equal(baseDelayNs(0n, ms(1), ms(6)), ms(6));
  assert.equal(baseDelayNs(0n, ms(405), ms(768)), ms(6));
  assert.equal(baseDelayNs(0n, ms(405), ms(405.3)), undefined, 'perhaps not held back at all');
  assert.equal(baseDelayNs(0n, ms(100), ms(768)), undefined, 'it would not have doubled so often');
});

for (const name of [
  '8.4-debian-story',
  '9.2-debian-story',
  '9.9-upstream-story',
  '10.0-debian-story',
  '10.6-debian-story',
]) {
  test(`${name}: after each answer the real client takes no more than 20 ms`, () => {
    // The story's keys need no typing: were sshd's own delay taken for the client's, 10 to 40 ms would stand here.
    for (const c of tell(decodeAll(loadStream(name))).connections) {
      const attempts = ofKind(c, 'attempt');
      if (!c.facts.authenticated || attempts.some((a) => a.method !== 'publickey')) continue;
      const waits = ofKind(c, 'phase').filter((p) => p.name === 'ssh.auth.wait');
      assert.ok(ofKind(c, 'phase').some((p) => p.name === 'ssh.auth.reply_delay'));
      for (const wait of waits) assert.ok(wait.endNs - wait.startNs < ms(20), `${wait.endNs - wait.startNs} ns`);
    }
  });
}
