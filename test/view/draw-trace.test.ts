import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { noRedaction } from '../../agent/span/redactor.ts';
import { SpanBuilder } from '../../agent/span/span-builder.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { ROOT } from '../../agent/sshd/session-event.ts';
import { type DrawOptions, drawLate, drawTrace } from '../../agent/view/draw-trace.ts';
import { TraceBook } from '../../agent/view/trace-book.ts';
import { intruderStory, loginStory } from '../helpers/login-story.ts';
import { at } from '../helpers/session-events.ts';
import { spansOf as spansOfConnection } from '../helpers/spans.ts';

const WIDE: DrawOptions = { width: 160, color: false };

function spansOf(events: ReturnType<typeof loginStory>): SpanRecord[] {
  const builder = new SpanBuilder({ hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0.0.0' });
  return events.flatMap((event) => builder.apply(event));
}

function draw(spans: readonly SpanRecord[], options: DrawOptions): string {
  return new TraceBook()
    .add(spans)
    .map((each) => (each.type === 'trace' ? drawTrace(each.spans, options) : drawLate(each.span, options)))
    .join('\n');
}

function firstTrace(spans: readonly SpanRecord[]): SpanRecord[] {
  return spans.slice(0, spans.findIndex((span) => span.root) + 1);
}

for (const width of [160, 80]) {
  test(`the drawing of a login at width ${width} is the golden one`, () => {
    const file = new URL(`../golden/login-story-${width}.txt`, import.meta.url);
    const drawn = draw(spansOf([...loginStory(), ...intruderStory()]), { width, color: false });
    // WRITE_GOLDEN=1 rewrites; the difference is for a person to review.
    if (process.env['WRITE_GOLDEN'] === '1') writeFileSync(file, drawn);
    assert.equal(drawn, readFileSync(file, 'utf8'));
  });
}

test('no line is wider than asked, at any width', () => {
  const spans = spansOf([...loginStory(), ...intruderStory()]);
  for (let width = 40; width <= 200; width += 7) {
    for (const line of draw(spans, { width, color: false, ids: true }).split('\n')) {
      assert.ok([...line].length <= width, `${[...line].length} > ${width}: ${line}`);
    }
  }
});

test('colours change no character, and none are there when they are not wanted', () => {
  const spans = spansOf([...loginStory(), ...intruderStory()]);
  const coloured = draw(spans, { ...WIDE, color: true });
  const plain = draw(spans, WIDE);
  assert.ok(coloured.includes('\u001b['));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is looked for
  const bare = coloured.replace(/\u001b\[[0-9;]*m/g, '').replace(/ +$/gm, '');
  assert.equal(bare, plain);
});

test('what a stranger chose reaches the terminal escaped, whichever attribute it stands in', () => {
  const evil = 'a\u001b[2J\u001b]0;x\u0007\r\nb\u202ec\u2066d\u200be\u0085f\u2028g\u{e0041}h';
  const spans = firstTrace(spansOf(loginStory())).map((span) => {
    const attributes = Object.fromEntries(
      Object.entries(span.attributes).map(([name, value]) => [
        name,
        typeof value === 'string' ? evil : Array.isArray(value) ? [evil, evil] : value,
      ]),
    );
    return { ...span, name: span.name.startsWith('ssh.') ? span.name : evil, attributes };
  });
  for (const options of [WIDE, { ...WIDE, width: 1000 }]) {
    const drawn = drawTrace(spans, options) + spans.map((span) => drawLate(span, options)).join('');
    assert.match(drawn, /a\\e\[2J\\e\]0;x\\x07\\r\\nb\\u202ec\\u2066d\\u200be\\x85f\\u2028g\\U000e0041h/);
    assert.ok(!/[\p{C}\p{Zl}\p{Zp}]/u.test(drawn.replaceAll('\n', '')), 'something unsafe was drawn');
  }
  // Nor does it begin a line of its own, where it could pass for one of ours.
  const lines = (each: readonly SpanRecord[]): number => drawTrace(each, { ...WIDE, width: 1000 }).split('\n').length;
  assert.equal(lines(spans), lines(firstTrace(spansOf(loginStory()))));
});

test('arguments are drawn so that a shell would give the same ones', () => {
  const [span] = spansOf(loginStory()).filter((each) => each.name === 'curl');
  assert.ok(span);
  const args = ['curl', '', 'two words', "it's", 'a\nb', "a\\'\tb", 'back\\slash', '$HOME', 'é'];
  const drawn = drawLate({ ...span, attributes: { ...span.attributes, 'process.command_args': args } }, WIDE);
  assert.ok(
    drawn.includes(String.raw`curl '' 'two words' 'it'\''s' $'a\nb' $'a\\\'\tb' 'back\slash' '$HOME' 'é'`),
    drawn,
  );
});

test('a program under another name than its file is drawn with both', () => {
  const [span] = spansOf(loginStory()).filter((each) => each.name === 'curl');
  assert.ok(span);
  const attributes = { ...span.attributes, 'process.command_args': ['sshd:', 'root'] };
  assert.match(drawLate({ ...span, attributes }, WIDE), /curl: sshd: root/);
  const script = { ...span.attributes, 'process.command_args': ['/bin/sh', '-e', '/opt/curl', 'x'] };
  assert.match(drawLate({ ...span, attributes: script }, WIDE), / {2}\/bin\/sh -e \/opt\/curl x {2}\(/);
  const login = { ...span.attributes, 'process.command_args': ['-curl'] };
  assert.match(drawLate({ ...span, attributes: login }, WIDE), / {2}-curl {2}\(/);
});

test('a trace without its root, and spans without their parent, are drawn and say so', () => {
  const spans = firstTrace(spansOf(loginStory()));
  const drawn = drawTrace(
    spans.filter((span) => !span.root && span.name !== 'ssh.auth'),
    WIDE,
  );
  assert.match(drawn, /connection not over, or its end was not seen/);
  assert.match(drawn, /ssh\.auth\.wait {2}\(parent not seen\)/);
  assert.match(drawn, /ssh\.session .*\(parent not seen\)/);
  assert.doesNotMatch(drawn, /─ sort names.*parent not seen/);
});

test('parents in a circle are drawn once each', () => {
  const [first, second] = firstTrace(spansOf(loginStory()));
  assert.ok(first && second);
  const circle = [
    { ...first, parentSpanId: second.spanId },
    { ...second, parentSpanId: first.spanId },
  ];
  assert.equal(drawTrace(circle, WIDE).split('\n').length, 2 + 2 + 1);
});

test('a chain of ten thousand programs is drawn within the width', () => {
  const [root] = spansOf(loginStory()).filter((span) => span.root);
  assert.ok(root);
  const spans: SpanRecord[] = [root];
  for (let i = 1; i <= 10_000; i++) {
    spans.push({
      ...root,
      name: 'sh',
      root: false,
      spanId: i.toString(16).padStart(16, '0'),
      parentSpanId: spans.at(-1)?.spanId,
      attributes: { 'process.executable.name': 'sh', 'process.command_args': ['sh', '-c', `echo ${i}`] },
    });
  }
  const lines = drawTrace(spans, { width: 100, color: false }).trimEnd().split('\n');
  assert.ok(lines.every((line) => [...line].length <= 100));
  assert.match(lines.at(-1) ?? '', /… .*└─ sh -c 'echo 10000'$/);
});

test('what was left out is said', () => {
  const spans = firstTrace(spansOf(loginStory()));
  assert.match(drawTrace(spans, { ...WIDE, leftOut: 12_345 }), /… and 12,345 earlier spans that are not drawn\n$/);
});

test('ids are shown only when asked for, for they depend on a secret key', () => {
  const spans = firstTrace(spansOf(loginStory()));
  const { traceId, spanId } = spans[0] ?? assert.fail();
  assert.ok(!drawTrace(spans, WIDE).includes(spanId));
  const drawn = drawTrace(spans, { ...WIDE, ids: true });
  assert.ok(drawn.includes(spanId) && drawn.includes(traceId));
});

test('a further trace of a connection says so, and not that nobody logged in', () => {
  const spans = firstTrace(spansOf(loginStory()));
  const root = spans.at(-1) ?? assert.fail();
  const { 'user.name': user = '', 'client.address': address = '' } = root.attributes;
  const attributes = { 'user.name': user, 'client.address': address, 'ssh.segment': 1 };
  const drawn = drawTrace([{ ...root, attributes }], WIDE);
  assert.match(drawn, /^● ada from 192\.0\.2\.10 {2}goes on, trace 2 of the connection\n/);
});

test('nothing is drawn of nothing', () => {
  assert.equal(drawTrace([], WIDE), '');
});

test('a forward is drawn with where it goes, and what became of it', () => {
  const base = { kind: 'forward', parent: ROOT, startNs: at(10), endNs: at(20) } as const;
  const ref = (name: string) => ({ kind: 'forward', key: [name] }) as const;
  const connect = { direction: 'local', operation: 'connect' } as const;
  const listen = { direction: 'remote', operation: 'listen' } as const;
  const bytes = (text: string) => new TextEncoder().encode(text);
  const drawn = draw(
    spansOfConnection({ authenticated: true }, [
      {
        ...base,
        ref: ref('1'),
        direction: 'local',
        operation: 'connect',
        target: '::1',
        targetPort: 80,
        result: 'opened',
        receivedBytes: 9n,
        sentBytes: 3n,
      },
      { ...base, ref: ref('2'), ...connect, target: '192.0.2.7', targetPort: 81, result: 'refused' },
      { ...base, ref: ref('3'), ...listen, type: 'x11', local: '127.0.0.1', localPort: 82, result: 'opened' },
      {
        ...base,
        ref: ref('4'),
        ...listen,
        operation: 'accept',
        type: 'agent',
        path: bytes('/tmp/a b'),
        result: 'opened',
      },
      { ...base, ref: ref('5'), ...connect, type: 'unix', path: bytes('/run/\x1b[2J'), result: 'failed' },
    ]),
    WIDE,
  );
  assert.match(drawn, /opened +.*ssh\.port_forward {2}to \[::1\]:80 \(3 bytes sent, 9 received\)/);
  assert.match(drawn, /refused +.*ssh\.port_forward {2}to 192\.0\.2\.7:81/);
  assert.match(drawn, /ssh\.port_forward {2}x11 listens on 127\.0\.0\.1:82/);
  assert.match(drawn, /opened +.*ssh\.port_forward {2}agent used on '\/tmp\/a b'/);
  assert.match(drawn, /failed +.*ssh\.port_forward {2}to \S*\/run\//);
  assert.ok(!drawn.includes('\x1b[2J'));
});
