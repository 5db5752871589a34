import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, afterEach, describe, test } from 'node:test';
import { startChild } from '../../agent/source/child-process.ts';
import { AgentStatus } from '../../agent/supervise/agent-status.ts';
import { type ProducerCandidate, type SupervisorEnd, supervise } from '../../agent/supervise/supervisor.ts';

const folder = mkdtempSync(join(tmpdir(), 'supervisor-'));
after(() => rmSync(folder, { recursive: true }));
const program = (name: string): string => join(import.meta.dirname, '..', 'producers', name);

function producer(name: string, ...args: string[]): ProducerCandidate {
  return { name, command: { command: process.execPath, args: [program('fake-producer.mjs'), ...args] } };
}

interface World {
  readonly lines: string[];
  readonly stop: AbortController;
  readonly end: Promise<SupervisorEnd>;
  /** Resolves when a line of the log holds the text. */
  logged(text: string): Promise<string>;
  /** Resolves when the agent has read the text so many times. */
  agentRead(text: string, times?: number): Promise<string>;
}

let worlds = 0;
/** Of a test that failed half-way: its children must not outlive it. */
const running: World[] = [];
afterEach(async () => {
  for (const world of running.splice(0)) {
    world.stop.abort();
    await world.end;
  }
});

function start(producers: readonly ProducerCandidate[], agentBehaviour = '', beginMs = 20_000): World {
  const file = join(folder, `read-${worlds++}`);
  const lines: string[] = [];
  const stop = new AbortController();
  const end = supervise({
    producers,
    startAgent() {
      const child = startChild({
        command: process.execPath,
        args: [program('fake-agent.mjs'), file, agentBehaviour],
        stdin: 'pipe',
        extra: ['pipe'],
        detached: true,
      });
      return { child, status: new AgentStatus(child.stdio[3] as Readable) };
    },
    finalAgentCodes: new Set([2]),
    log: (_, text) => lines.push(text),
    stop: stop.signal,
    flushMs: 5_000,
    producerGraceMs: 3_000,
    beginMs,
    backoff: { firstMs: 10, maxMs: 20 },
  });
  const until = async (found: () => string | undefined): Promise<string> => {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      const text = found();
      if (text !== undefined) return text;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited in vain; log: ${lines.join(' | ')}`);
  };
  const world: World = {
    lines,
    stop,
    end,
    logged: (text) => until(() => lines.find((line) => line.includes(text))),
    agentRead: (text, times = 1) =>
      until(() => {
        const read = existsSync(file) ? readFileSync(file, 'utf8') : '';
        return read.split(text).length > times ? read : undefined;
      }),
  };
  running.push(world);
  return world;
}

describe('supervisor', { timeout: 180_000 }, () => {
  test('joins a producer to an agent, and ends the producer first', async () => {
    const world = start([producer('one', 'lives')]);
    await world.agentRead('"clock"', 3);
    world.stop.abort();
    const end = await world.end;
    assert.equal(end.type, 'stopped');
    assert.equal(end.type === 'stopped' && end.agent.code, 0);
    const read = await world.agentRead('# eof');
    assert.match(read, /"k":"end".*\n# eof\n$/);
  });

  test('says at once how a producer died, starts it again, and ends the line that it left open', async () => {
    const world = start([producer('one', 'dies-once', join(folder, 'died'))]);
    assert.match(
      await world.logged('exited with status 9'),
      /^one exited with status 9: lost my map; it is started again/,
    );
    const read = await world.agentRead('"hello"', 2);
    assert.match(read, /\{"k":"clock","ts":"12\n\n\{"k":"hello"/);
    world.stop.abort();
    await world.end;
  });

  test('a producer that has begun stays chosen, even where it died before the agent had read of it', async () => {
    const world = start([producer('one', 'dies-once', join(folder, 'died-early')), producer('two', 'lives')], 'slow');
    await world.agentRead('"hello"', 2);
    assert.match(world.lines.at(-1) ?? '', /^one exited with status 9: lost my map; it is started again/);
    world.stop.abort();
    await world.end;
  });

  test('takes the next producer where the first cannot begin', async () => {
    const world = start([producer('one', 'dies'), producer('two', 'lives')]);
    await world.agentRead('"clock"', 2);
    assert.ok(
      world.lines.includes('one exited with status 4: no rights to trace; two is used instead'),
      world.lines.join('\n'),
    );
    world.stop.abort();
    assert.equal((await world.end).type, 'stopped');
  });

  test('gives up where no producer can begin, and says why', async () => {
    const world = start([producer('one', 'dies'), producer('two', 'dies')]);
    assert.deepEqual(await world.end, {
      type: 'no-producer',
      reason: 'two exited with status 4: no rights to trace',
      remedy: undefined,
    });
  });

  test('says what the end of a producer means and what mends it, where that is known', async () => {
    const explain = (code: number | undefined, stderr: string) =>
      code === 4 && stderr.includes('no rights') ? { sentence: 'a right is missing', remedy: 'sudo' } : undefined;
    const world = start([{ ...producer('one', 'dies'), explain }]);
    assert.deepEqual(await world.end, {
      type: 'no-producer',
      reason: 'one exited with status 4: a right is missing',
      remedy: 'sudo',
    });
  });

  test('a program that does not exist is a producer that cannot begin', async () => {
    const world = start([{ name: 'one', command: { command: 'no-such-tracer', args: [] } }]);
    assert.deepEqual(await world.end, {
      type: 'no-producer',
      reason: 'one could not be started: no-such-tracer not found',
      remedy: undefined,
    });
  });

  test('ends a producer that never begins', async () => {
    const world = start([producer('one', 'mute'), producer('two', 'lives')], '', 400);
    assert.match(await world.logged('two is used instead'), /one has not begun its stream within 0\.4 s/);
    world.stop.abort();
    await world.end;
  });

  test('restarts a producer that the agent found stalled', async () => {
    const world = start([producer('one', 'stalls')], 'stall');
    await world.agentRead('"hello"', 2);
    assert.ok(
      world.lines.some((line) => line.startsWith('one has stalled and was ended')),
      world.lines.join('\n'),
    );
    world.stop.abort();
    await world.end;
  });

  test('starts both again when the agent dies', async () => {
    const world = start([producer('one', 'lives')], '7');
    await world.logged('the agent exited with status 7');
    world.stop.abort();
    assert.equal((await world.end).type, 'stopped');
  });

  test('blames no producer for the silence of an agent that died', async () => {
    const world = start([producer('one', 'dies')], '7');
    await world.logged('the agent exited with status 7');
    world.stop.abort();
    assert.equal((await world.end).type, 'stopped');
  });

  test('does not start an agent again that refused its configuration', async () => {
    const world = start([producer('one', 'lives')], '2');
    const end = await world.end;
    assert.equal(end.type === 'agent-refused' && end.agent.code, 2);
  });
});
