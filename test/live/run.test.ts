/** The supervisor with a real producer, a real agent and a real server, as an operator starts them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privilegesLeft } from '../../agent/cli/privileges.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { type Child, type ChildExit, runChild, startChild } from '../../agent/source/child-process.ts';
import { PRODUCERS, whyNotLive } from './tracing.ts';

const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const SECRET = 'hunter2-in-argv';

interface Started {
  readonly child: Child;
  output(): string;
  /** Stops it, or waits for its end; resolves with its exit when all output is there. */
  ended(stop: boolean): Promise<ChildExit>;
  /** Resolves when both outputs together hold the text so many times. */
  waitFor(text: string, times?: number): Promise<void>;
}

function start(args: readonly string[]): Started {
  const child = startChild({
    command: 'sh',
    args: ['-c', 'exec "$@" 2>&1', 'sh', process.execPath, MAIN, ...args],
    env: { PATH: process.env['PATH'] ?? '', COLUMNS: '200' },
  });
  let text = '';
  let look = (): void => undefined;
  const closed = new Promise((resolve) => child.stdout?.once('close', resolve));
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    look();
  });
  return {
    child,
    output: () => text,
    async ended(stop) {
      const exit = await (stop ? child.stop('SIGTERM', 20_000) : child.exited);
      await closed;
      return exit;
    },
    waitFor: (wanted, times = 1) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (text.split(wanted).length > times) resolve();
        };
        look();
        void child.exited.then(({ reason }) => reject(new Error(`it ${reason} without “${wanted}”:\n${text}`)));
      }),
  };
}

/** Children of a process, by the first word of what they run. */
async function childrenOf(pid: number): Promise<Map<string, number>> {
  const { stdout } = await runChild({ command: 'ps', args: ['-o', 'pid=,args=', '--ppid', String(pid)] }, 10_000);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => /^\s*(\d+) (.*)$/.exec(line));
  return new Map(rows.map((row) => [row?.[2]?.includes(' agent ') ? 'agent' : 'producer', Number(row?.[1])]));
}

async function gone(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) {
    for (let tries = 0; ; tries++) {
      try {
        process.kill(pid, 0);
      } catch {
        break;
      }
      assert.ok(tries < 500, `process ${pid} is still there`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

for (const producer of PRODUCERS) {
  describe(`run with ${producer}`, { skip: await whyNotLive(producer), timeout: 120_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'run-'));
    const stateDir = join(folder, 'state');
    let lab: Lab;
    before(async () => {
      lab = await startLab();
    });
    after(async () => {
      await lab.stop();
      rmSync(folder, { recursive: true });
    });

    const common = (...more: string[]) => [...more, '--producer', producer, '--listener', String(lab.listenerPid)];
    const login = () => lab.ssh({ keys: [lab.keys.good], command: `mysql -p${SECRET} shop; exit 3` });

    test('the agent has no right at all; what it drew live, replay draws from what it saved', async () => {
      const tee = join(folder, 'tee');
      const run = start(common('run', '--ids', '--state-dir', stateDir, '--tee', tee));
      await run.waitFor('waiting for connections');
      const children = await childrenOf(run.child.pid ?? 0);
      const agent = children.get('agent') ?? assert.fail(`no agent among ${[...children.keys()]}`);
      assert.deepEqual(privilegesLeft(readFileSync(`/proc/${agent}/status`, 'utf8')), []);
      await login();
      await run.waitFor('● alice from');
      const exit = await run.ended(true);
      assert.equal(exit.code, 0, run.output());
      await gone(children.values());

      assert.equal(statSync(tee).mode & 0o777, 0o600);
      const key = join(stateDir, 'host.key');
      const replay = start(['replay', '--ids', '--key', key, tee]);
      assert.equal((await replay.ended(false)).code, 0, replay.output());
      const drawn = run.output().slice(run.output().indexOf('● alice'));
      assert.ok(drawn.includes('exit 3') && /trace [0-9a-f]{32}/.test(drawn), drawn);
      assert.equal(replay.output().trim(), drawn.trim());
    });

    test('a recording is redacted, unless everything is asked for', async () => {
      const [redacted, raw] = [join(folder, 'redacted'), join(folder, 'raw')];
      const records = [start(common('record', redacted)), start(common('record', '--raw', raw))];
      await Promise.all(records.map((each) => each.waitFor('waiting for connections')));
      await login();
      await lab.settled();
      for (const each of records) assert.equal((await each.ended(true)).code, 0, each.output());
      const hex = Buffer.from(SECRET).toString('hex');
      const text = (path: string) => readFileSync(path, 'latin1').replaceAll(' ', '');
      assert.ok(text(raw).includes(hex));
      assert.ok(!text(redacted).includes(hex) && !text(redacted).includes(SECRET));
      for (const path of [redacted, raw]) {
        const replay = start(['replay', path]);
        assert.equal((await replay.ended(false)).code, 0);
        for (const part of ['● alice from', 'mysql', 'exit 3']) assert.ok(replay.output().includes(part), part);
      }
    });

    test('a producer that is killed is named, started again, and what was open is marked', async () => {
      const run = start(common('run', '--state-dir', stateDir));
      await run.waitFor('waiting for connections');
      const session = await lab.startSsh({ keys: [lab.keys.good], command: 'echo up; sleep 600' });
      await session.waitFor('up');
      const children = await childrenOf(run.child.pid ?? 0);
      process.kill(children.get('producer') ?? assert.fail('no producer'), 'SIGKILL');
      await run.waitFor(`${producer} killed by SIGKILL`);
      await run.waitFor('waiting for connections', 2);
      await run.ended(true);
      assert.match(run.output(), /producer (was )?restarted|producer_restarted/);
    });

    test('when the supervisor is killed, nothing of it stays', async () => {
      const run = start(common('run', '--state-dir', stateDir));
      await run.waitFor('waiting for connections');
      const children = await childrenOf(run.child.pid ?? 0);
      assert.equal(children.size, 2);
      process.kill(run.child.pid ?? 0, 'SIGKILL');
      await gone(children.values());
    });
  });
}
