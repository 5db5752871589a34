import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonitorMessageEvent } from '../../agent/decode/kernel-event.ts';
import { Pairing } from '../../agent/sshd/pairing.ts';
import { message } from './events.ts';

const shown = (messages: readonly MonitorMessageEvent[]): string[] =>
  messages.map((m) => `${m.type}@${m.tsNs / 1_000_000n}`);

test('request and answer in order pass through', () => {
  const pairing = new Pairing();
  assert.deepEqual(shown([message(22, 1), message(23, 2)].flatMap((m) => pairing.push(m))), ['22@1', '23@2']);
});

test('an answer that comes before its request is put behind it, and neither time goes backwards', () => {
  const pairing = new Pairing();
  assert.deepEqual(shown(pairing.push(message(9, 5))), []);
  assert.deepEqual(shown(pairing.push(message(8, 6))), ['8@5', '9@6']);
});

test('an answer whose request never comes is given after 50 ms, or before the next message', () => {
  const pairing = new Pairing();
  pairing.push(message(13, 0));
  assert.deepEqual(shown(pairing.due(50_000_000n)), []);
  assert.deepEqual(shown(pairing.due(50_000_001n)), ['13@0']);
  pairing.push(message(13, 100));
  assert.deepEqual(shown(pairing.push(message(22, 110))), ['13@100', '22@110']);
});

test('after a loss an answer is not given to the request that follows it', () => {
  const pairing = new Pairing();
  pairing.push(message(22, 0));
  pairing.gap();
  assert.deepEqual(shown(pairing.push(message(13, 5))), ['13@5']);
  assert.deepEqual(shown(pairing.push(message(12, 6))), ['12@6']);
});

test('what is held at the end is not forgotten', () => {
  const pairing = new Pairing();
  pairing.push(message(25, 1));
  assert.deepEqual(shown(pairing.flush()), ['25@1']);
  assert.deepEqual(pairing.flush(), []);
});
