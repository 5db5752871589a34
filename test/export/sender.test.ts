import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOfAnswer, outcomeOfError, type SendOutcome } from '../../agent/export/send-outcome.ts';
import { Sender, type SenderEvents } from '../../agent/export/sender.ts';
import { SpanQueue } from '../../agent/export/span-queue.ts';

const ACCEPTED: SendOutcome = { kind: 'accepted', rejected: 0 };
const REFUSED: SendOutcome = { kind: 'refused', reason: 'answer 400' };
const SILENT: SenderEvents<number> = {
  settled: () => {},
  failed: () => {},
  accepted: () => {},
  refused: () => {},
  noted: () => {},
  drained: () => {},
};

interface Bench {
  readonly queue: SpanQueue<number>;
  readonly sender: Sender<number>;
}

function senderWith(
  send: (items: readonly number[]) => Promise<SendOutcome>,
  events: Partial<SenderEvents<number>> = {},
  slowMs = 60_000,
): Bench {
  const queue = new SpanQueue<number>({ maxSpans: 10_000, maxBytes: Infinity });
  const batch = { maxSpans: 512, maxBytes: Infinity, delayMs: 0 };
  const backoff = { initialMs: 1, maxMs: 1, slowMs };
  return { queue, sender: new Sender({ queue, batch, backoff, send, events: { ...SILENT, ...events } }) };
}

function fill(queue: SpanQueue<number>, count: number): void {
  for (let item = 0; item < count; item += 1) queue.add(item, 1, 1);
}

test('what is handed over in any turn around the moment when the queue runs empty is sent, with nothing after it to wake the sender', async () => {
  for (let turns = 0; turns < 30; turns += 1) {
    const second = Promise.withResolvers<void>();
    const { queue, sender } = senderWith(
      async ([item]) => {
        if (item === 2) second.resolve();
        return ACCEPTED;
      },
      {
        accepted: async () => {
          if (sender.counters.requests > 1) return;
          for (let turn = 0; turn < turns; turn += 1) await null;
          queue.add(2, 1, 1);
          sender.notify();
        },
      },
    );
    queue.add(1, 1, 1);
    sender.notify();
    const timer = setTimeout(() => second.reject(new Error(`never sent when handed over ${turns} turns later`)), 2_000);
    await second.promise;
    clearTimeout(timer);
  }
});

test('bad spans scattered among good ones never make it doubt the collector', async () => {
  const failures: string[] = [];
  const isBad = (item: number) => item % 7 === 3;
  const { queue, sender } = senderWith(async (items) => (items.some(isBad) ? REFUSED : ACCEPTED), {
    failed: (failure) => failures.push(failure.reason),
  });
  fill(queue, 500);
  await sender.flush();
  assert.deepEqual(failures, []);
  const bad = Array.from({ length: 500 }, (_unused, item) => item).filter(isBad).length;
  assert.deepEqual([sender.counters.exported, sender.counters.refused, queue.size], [500 - bad, bad, 0]);
});

test('stopped between the parts of a halved batch, it puts the rest back', async () => {
  const { queue, sender } = senderWith(async (items) => {
    if (items.length > 25) return REFUSED;
    sender.stop();
    return ACCEPTED;
  });
  fill(queue, 100);
  await sender.flush();
  assert.deepEqual([sender.counters.exported, sender.counters.inFlight, queue.size], [25, 0, 75]);
});

test('a failure between the parts of a halved batch loses and doubles nothing', async () => {
  const got: number[] = [];
  let requests = 0;
  const { queue, sender } = senderWith(async (items) => {
    requests += 1;
    if (items.length > 10) return REFUSED;
    if (requests % 7 === 0) return { kind: 'retry', pace: 'normal', reason: 'answer 503' };
    got.push(...items);
    return ACCEPTED;
  });
  fill(queue, 300);
  await sender.flush();
  assert.deepEqual(
    got,
    Array.from({ length: 300 }, (_unused, item) => item),
  );
  assert.equal(sender.counters.exported, 300);
});

test('answers are told apart by whose fault they are', () => {
  const answer = (status: number, body = '', contentType = 'application/json') =>
    outcomeOfAnswer({ status, body, contentType });
  assert.deepEqual(answer(200), { kind: 'accepted', rejected: 0, note: undefined });
  assert.deepEqual(answer(202, '{}'), { kind: 'accepted', rejected: 0, note: undefined });
  assert.deepEqual(answer(200, '{"partialSuccess":{"rejectedSpans":7}}'), {
    kind: 'accepted',
    rejected: 7,
    note: undefined,
  });
  assert.equal(answer(200, 'Welcome', 'text/html; charset=utf-8').kind, 'retry');
  assert.equal(answer(200, ' <html>', 'text/plain').kind, 'retry');
  const paces = [408, 429, 500, 503, 599, 301, 402, 404, 418].map((status) => {
    const outcome = answer(status);
    return outcome.kind === 'retry' ? outcome.pace : outcome.kind;
  });
  assert.deepEqual(paces, ['normal', 'normal', 'normal', 'normal', 'normal', 'slow', 'slow', 'slow', 'slow']);
  for (const status of [400, 413, 422]) assert.equal(answer(status).kind, 'refused');
});

test('errors are told apart: outage, configuration, stale connection', () => {
  const pace = (code: string, reusedConnection = false) => {
    const outcome = outcomeOfError({ code, message: code, reusedConnection });
    return outcome.kind === 'retry' ? outcome.pace : outcome.kind;
  };
  assert.equal(pace('ECONNREFUSED'), 'normal');
  assert.equal(pace('ENOTFOUND'), 'normal');
  assert.equal(pace('ECONNRESET'), 'normal');
  assert.equal(pace('ECONNRESET', true), 'at-once');
  assert.equal(pace('CERT_HAS_EXPIRED'), 'slow');
  assert.equal(pace('DEPTH_ZERO_SELF_SIGNED_CERT'), 'slow');
});

test('what a collector says is fit for a terminal: one line, no escapes, bounded', () => {
  const body = `\u001b]0;evil\u0007line\r\nnext\u202e ${'x'.repeat(10_000)}`;
  const outcome = outcomeOfAnswer({
    status: 503,
    contentType: 'text/plain',
    body: Buffer.from(body).toString('latin1'),
  });
  assert.ok(outcome.kind === 'retry');
  assert.match(outcome.reason, /^answer 503: “\]0;evil line next {1,2}x+…”$/);
  assert.ok(outcome.reason.length < 230);
});
