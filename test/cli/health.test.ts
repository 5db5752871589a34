import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { EXIT } from '../../agent/cli/exit-codes.ts';
import { healthLine, healthOf, parseHealth } from '../../agent/cli/health-report.ts';
import { HealthSocket, healthSocketIn } from '../../agent/cli/health-socket.ts';
import { Pipeline } from '../../agent/pipeline.ts';
import { runCommandLine } from '../helpers/command-context.ts';
import { loadStream } from '../helpers/streams.ts';

const MAIN = new URL('../../agent/main.ts', import.meta.url).pathname;
let stateDir = '';
let agents: ChildProcess[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'health-'));
});
afterEach(async () => {
  for (const agent of agents.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  agents = [];
  rmSync(stateDir, { recursive: true });
});

/** The stream up to its third clock record: the first comes through all stages when later records are there. */
function opening(): { readonly hello: string; readonly toClock: string } {
  const lines = Buffer.from(loadStream('9.2-keys')).toString('utf8').split('\n');
  const after = (start: string, nth: number): number =>
    lines.flatMap((line, i) => (line.startsWith(start) ? [i + 1] : []))[nth] ?? lines.length;
  const hello = after('{"k":"hello"', 0);
  const text = (from: number, to: number): string => `${lines.slice(from, to).join('\n')}\n`;
  return { hello: text(0, hello), toClock: text(hello, after('{"k":"clock"', 2)) };
}

/** An agent that reads its standard input, once it can be asked. */
async function startAgent(): Promise<ChildProcess & { says(text: RegExp): Promise<void> }> {
  const agent = spawn(process.execPath, [MAIN, 'agent', '--state-dir', stateDir, '--config', '/dev/null'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  agents.push(agent);
  let stderr = '';
  agent.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const says = async (text: RegExp): Promise<void> => {
    while (!text.test(stderr)) await once(agent.stderr ?? agent, 'data');
  };
  // It says nothing before the producer does; the socket is there before it reads.
  for (let tries = 0; tries < 100; tries++) {
    if ((await ask('--live')).code === EXIT.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return Object.assign(agent, { says });
}

const ask = (...args: string[]) =>
  runCommandLine(['health', '--state-dir', stateDir, '--config', '/dev/null', ...args]);

describe('health', () => {
  test('no agent is neither alive nor ready', async () => {
    for (const args of [[], ['--live']]) {
      const { code, stderr } = await ask(...args);
      assert.equal(code, EXIT.producer);
      assert.match(stderr, /no agent runs that keeps its things in /);
    }
  });

  test('an agent that waits for its producer is alive, and ready once that traces', async () => {
    const agent = await startAgent();
    const { hello, toClock } = opening();
    agent.stdin?.write(hello);
    const waiting = await ask();
    assert.deepEqual([waiting.code, (await ask('--live')).code], [EXIT.producer, EXIT.ok]);
    assert.match(waiting.stdout, /^waiting: /);
    agent.stdin?.write(toClock);
    await agent.says(/waiting for connections/);
    const ready = await ask();
    assert.equal(ready.code, EXIT.ok);
    assert.match(ready.stdout, /^ready: traces; \d connections open, \d+ spans made, 0 events lost\n$/);
    agent.kill('SIGTERM');
    await once(agent, 'exit');
    assert.equal((await ask('--live')).code, EXIT.producer);
    assert.equal(existsSync(healthSocketIn(stateDir)), false);
  });

  test('an agent that hangs is not alive, and is again when it goes on', async () => {
    const agent = await startAgent();
    agent.kill('SIGSTOP');
    const { code, stderr } = await ask('--live');
    assert.equal(code, EXIT.producer);
    assert.match(stderr, /the agent does not answer within 3 s: it hangs/);
    agent.kill('SIGCONT');
    assert.equal((await ask('--live')).code, EXIT.ok);
  });

  test('what an agent that was killed leaves behind is not taken for one, and is in nobody’s way', async () => {
    const agent = await startAgent();
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    assert.equal(existsSync(healthSocketIn(stateDir)), true);
    assert.equal((await ask('--live')).code, EXIT.producer);
    await startAgent();
    assert.equal((await ask('--live')).code, EXIT.ok);
  });

  test('a producer that lives and is silent makes the agent not ready', () => {
    const pipeline = new Pipeline({
      hostKey: new Uint8Array(32),
      agentVersion: '1',
      redactor: { argv: () => ({ args: [], redactions: 0 }), text: () => ({ text: '', redactions: 0 }) } as never,
    });
    const { hello, toClock } = opening();
    pipeline.push(Buffer.from(hello + toClock));
    assert.equal(healthOf(pipeline, 'alive', undefined).state, 'ready');
    const stalled = healthOf(pipeline, 'stalled', undefined);
    assert.equal(stalled.state, 'stalled');
    assert.match(healthLine(stalled), /^stalled: the producer is silent/);
  });

  test('an answer that is none is said to be none', () => {
    const forged = '{"version":1,"state":"ready","openConnections":"\\u001b[2J","spans":0,"eventsLost":0}';
    const figures = '{"version":1,"state":"ready","openConnections":0,"spans":0,"eventsLost":0,"queued":"\\u001b[2J"}';
    const others = ['', '{}', '{"version":2,"state":"ready"}', '{"version":1,"state":"\\u001b[2J"}', 'null'];
    for (const text of [...others, forged, figures]) assert.equal(parseHealth(text), undefined, text);
  });

  test('a folder whose path is too long for a socket is said, and is no reason to stop', () => {
    const log: string[] = [];
    const report = () => ({ version: 1, state: 'ready', openConnections: 0, spans: 0, eventsLost: 0 }) as const;
    new HealthSocket(`/${'x'.repeat(120)}`, report, (level, text) => log.push(`${level} ${text}`)).listen();
    assert.match(log.join('\n'), /^warn sshd-otel health cannot ask this agent: .*too long/);
  });
});
