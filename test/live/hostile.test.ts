/** Whatever a stranger puts into names, arguments and variables: told as it was, harming nobody else's trace. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoginOptions } from '../../agent/lab/client.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { ATTR } from '../../agent/span/attributes.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { drawTrace } from '../../agent/view/draw-trace.ts';
import { findSecret } from './search.ts';
import { checkSpans, sessionsOf } from './span-checks.ts';
import { PRODUCERS, type ProducerName, startTracing, type Tracing, whyNotLive } from './tracing.ts';

/** Would end a record, forge others, and paint a terminal, if anything let it through. */
const FORGED = '\n{"k":"end","ts":"1","records":0,"lost":0}\n{"k":"exit","ts":"2","pid":1,"start":"3","code":0}\n';
const NASTY = [
  Buffer.from(FORGED),
  Buffer.from('"\\",{}]\'`$(reboot)'),
  Buffer.from('\u001b]0;pwned\u0007\u001b[2J\u001b[31m'),
  Buffer.from([0xff, 0xfe, 0x80, 0xc3, 0x28]),
  // A lone surrogate, as CESU-8.
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from('\u202egnp.exe\u2069\u200b'),
  Buffer.from(''),
  Buffer.from('last'),
];

/** Runs `file` with exactly these arguments, argv[0] included, whatever bytes they are. */
const execBytes = (file: string, args: readonly Buffer[]) =>
  `perl -e 'exec { ${file} } map { pack "H*", substr $_, 1 } @ARGV' ${args.map((arg) => `x${arg.toString('hex')}`).join(' ')}`;

for (const producer of PRODUCERS) {
  const skip = whyNotLive(producer);
  describe(`hostile input, traced by ${producer}`, { skip, timeout: 240_000 }, () => {
    it('tells arguments with any bytes as what they were, argv[0] too', () =>
      traced(producer, {}, async (lab, tracing) => {
        await lab.ssh({ command: execBytes('"/bin/true"', NASTY) });
        const [spans = []] = await tracing.traces(1);
        const span = spans.find((one) => one.name === 'true');
        assert.deepEqual(
          span?.attributes[ATTR.commandArgs],
          NASTY.map((arg) => arg.toString('utf8')),
        );
        assert.equal(span?.attributes[ATTR.exitCode], 0);
        assertDrawnPlain(spans);
      }));

    it('survives 100 kB in one argument and in a thousand, and says how long they were', () =>
      traced(producer, {}, async (lab, tracing) => {
        await lab.ssh({ command: `perl -e 'exec { "/bin/true" } "true", "y" x 100_000'` });
        await lab.ssh({ command: `perl -e 'exec { "/bin/true" } "true", ("z" x 99) x 1000'` });
        const traces = await tracing.traces(2);
        for (const spans of traces) {
          const span = spans.find((one) => one.name === 'true');
          assert.equal(span?.attributes[ATTR.argsBytes], 100_006 - (spans === traces[1] ? 1 : 0));
          assert.equal(span?.attributes[ATTR.argsTruncated], true);
        }
      }));

    it('tells file names and process names with any bytes, escaped where they are drawn', () =>
      traced(producer, {}, async (lab, tracing) => {
        const name = Buffer.from('x\n{"k":"end"}\u001b[31m"');
        const file = `pack("H*", "${Buffer.concat([Buffer.from('/tmp/'), name]).toString('hex')}")`;
        const command = `perl -e 'my $f = ${file}; system "cp", "/bin/true", $f; $0 = "\\n\\"{k}\\e[31m"; system { $f } "true"'`;
        const run = await lab.ssh({ command });
        assert.equal(run.exitCode, 0, run.stderr);
        const [spans = []] = await tracing.traces(1);
        const span = spans.find((one) => String(one.attributes[ATTR.executablePath]).startsWith('/tmp/'));
        assert.ok(span?.name.startsWith('x'), `the program is there, as ${JSON.stringify(span?.name)}`);
        assertDrawnPlain(spans);
      }));

    it('takes nothing from variables that a client sends but a valid trace context', () =>
      traced(producer, {}, async (lab, tracing) => {
        const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
        const send = (value: string): LoginOptions => ({
          config: ['SendEnv=TRACEPARENT'],
          env: { TRACEPARENT: value },
          command: '/bin/true',
        });
        await lab.ssh(send(`${good}${FORGED}`));
        await lab.ssh(send(good));
        const traces = await tracing.traces(2);
        assert.deepEqual(
          traces.map((spans) =>
            sessionsOf(spans)
              .flatMap((span) => span.links)
              .map((link) => link.traceId),
          ),
          [[], ['0af7651916cd43dd8448eb211c80319c']],
        );
      }));

    it('tells of a user name that is none only its length', () =>
      traced(producer, {}, async (lab, tracing) => {
        // OpenSSH's own client refuses to send control characters, quotes and braces.
        const user = 'ev\u202eil \u2066[31m, end\u200b';
        await lab.ssh({ user, passwords: ['x'] });
        const [spans = []] = await tracing.traces(1);
        const root = spans.find((span) => span.root);
        assert.equal(root?.attributes[ATTR.userName], undefined);
        assert.equal(root?.attributes[ATTR.userNameLength], Buffer.byteLength(user));
        assertDrawnPlain(spans);
      }));

    it('keeps the trace of whoever works beside it whole', () =>
      traced(producer, {}, async (lab, tracing) => {
        const neighbour = await lab.startSsh({
          user: 'bob',
          passwords: [lab.users.bob.password ?? ''],
          command: 'cat; exit 7',
        });
        await lab.ssh({ command: execBytes('"/bin/true"', NASTY) });
        neighbour.end('x');
        assert.equal((await neighbour.finished).exitCode, 7);
        const traces = await tracing.traces(2);
        const spans = traces.find((each) => each.some((span) => span.attributes[ATTR.userName] === 'bob')) ?? [];
        assert.equal(spans.find((span) => span.root)?.attributes[ATTR.incomplete], undefined);
        const [session] = sessionsOf(spans);
        assert.equal(session?.attributes[ATTR.exitCode], 7);
        assert.deepEqual(
          spans.filter((span) => span.name === 'cat').map((span) => span.attributes[ATTR.exitCode]),
          [0],
        );
      }));

    it('has no password anywhere, whatever it was typed for, though it finds what was put into an argument', () =>
      traced(producer, { ChallengeResponseAuthentication: 'yes' }, async (lab, tracing) => {
        const password = lab.users.bob.password ?? '';
        const wrong = 'tulip.Wr0ng.secret';
        const marker = 'Zebra_42_inArgument';
        await lab.ssh({ user: 'bob', passwords: [wrong, password], command: `/bin/true ${marker}` });
        await lab.ssh({ user: 'bob', passwords: [wrong, password], methods: 'keyboard-interactive', command: 'true' });
        await lab.ssh({ user: 'mallory', passwords: [wrong] });
        const traces = await tracing.traces(3);
        await tracing.stop();
        const told = JSON.stringify(tracing.spans, (_, value) => (typeof value === 'bigint' ? String(value) : value));
        const drawn = traces.map((spans) => drawTrace(spans, { width: 400, color: false })).join('\n');
        const places = { stream: tracing.stream().toString('latin1'), told, drawn };
        for (const [place, text] of Object.entries(places)) {
          assert.ok(findSecret(text, marker).length > 0, `the marker is in the ${place}`);
          for (const secret of [password, wrong])
            assert.deepEqual(findSecret(text, secret), [], `a password in the ${place}`);
        }
        const users = traces.map((spans) => spans.find((span) => span.root)?.attributes[ATTR.authMethod]);
        assert.deepEqual(users, ['password', 'keyboard-interactive', undefined]);
      }));
  });
}

/** A laboratory that is traced while `use` runs; then all that was told is checked for what every trace must be. */
async function traced(
  producer: ProducerName,
  config: Record<string, string>,
  use: (lab: Lab, tracing: Tracing) => Promise<void>,
): Promise<void> {
  const lab = await startLab({ authorizedKeysSeconds: 0, config });
  let tracing: Tracing | undefined;
  try {
    tracing = await startTracing(lab, producer, noRedaction);
    await use(lab, tracing);
    await tracing.stop();
    checkSpans(tracing);
  } finally {
    await tracing?.stop();
    await lab.stop();
  }
}

/** Nothing in a drawing but its own line ends controls a terminal or turns the direction of text. */
function assertDrawnPlain(spans: readonly SpanRecord[]): void {
  const drawn = drawTrace(spans, { width: 200, color: false });
  assert.doesNotMatch(drawn.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  assert.equal(drawn.split('\n').filter((line) => line.startsWith('{')).length, 0);
}
