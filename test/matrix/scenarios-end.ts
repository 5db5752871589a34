/** Scenarios of how connections end. */
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { inhabitants } from '../../agent/lab/inhabitants.ts';
import type { Cast } from './cast.ts';
import type { Scenario } from './scenario.ts';

export const END_SCENARIOS: readonly Scenario[] = [
  {
    name: 'client_kill',
    story: 'the client is killed while its command runs, which goes on until it next writes',
    play: async (cast) => {
      const client = await cast.start({ command: 'echo on; sleep 1; echo never; sleep 0.1; echo seen' });
      await client.session.waitFor('on');
      client.session.kill('SIGKILL');
      await client.finished();
    },
  },
  {
    name: 'client_kill_pty',
    story: 'the client is killed while a command runs in its terminal',
    play: async (cast) => {
      const client = await cast.start({ pty: true, command: 'echo on; sleep 60' });
      await client.session.waitFor('on');
      client.session.kill('SIGKILL');
      await client.finished();
    },
  },
  {
    name: 'scan',
    story: 'a port scanner reads the banner and leaves; another one speaks HTTP',
    play: async (cast) => {
      await cast.raw('');
      await cast.raw('GET / HTTP/1.0\r\n\r\n', true);
    },
  },
  {
    name: 'client_term',
    story: 'the client is ended by SIGTERM while its command runs',
    play: async (cast) => {
      const client = await cast.start({ command: 'echo on; sleep 0.6; echo more' });
      await client.session.waitFor('on');
      client.session.kill('SIGTERM');
      await client.finished();
    },
  },
  {
    name: 'client_stop',
    story: 'the client answers no more, sshd gives up after its keepalives',
    lab: { config: { ClientAliveInterval: '1', ClientAliveCountMax: '1' } },
    play: async (cast) => {
      const client = await cast.start({ command: 'echo on; sleep 60' });
      await client.session.waitFor('on');
      client.session.kill('SIGSTOP');
      client.part.stopped = true;
      await cast.lab.waitForLog(/^Timeout, client not responding/);
      client.session.kill('SIGKILL');
      await client.finished();
      await monitorsEnd(cast);
      process.kill(await sleeper(cast), 'SIGTERM');
    },
  },
  {
    name: 'monitor_killed',
    story: 'an administrator kills the monitor of an open session',
    play: async (cast) => {
      const client = await cast.start({ command: 'echo on; sleep 60' });
      await client.session.waitFor('on');
      const line = await cast.lab.waitForLog(/^User child is on pid/);
      if (line.pid === undefined) throw new Error('a log line without its pid');
      // Its shell has become the sleep by then: a change of programs beside the end of the monitor has no order.
      await sleeper(cast);
      client.part.monitorKilled = true;
      process.kill(line.pid, 'SIGKILL');
      await monitorsEnd(cast);
      // The user child keeps the connection open until then.
      process.kill(await sleeper(cast), 'SIGTERM');
      await client.finished();
    },
  },
];

/** Until strace has told the end of the monitor, too: what ends from then on has outlived the connection by every witness. */
async function monitorsEnd(cast: Cast): Promise<void> {
  const { pid } = await cast.lab.waitForLog(/^User child is on pid/);
  const end = new RegExp(`^${pid} +\\S+ \\+\\+\\+ `, 'm');
  const deadline = performance.now() + 5_000;
  while (!end.test(await cast.lab.straceOutput())) {
    if (performance.now() > deadline) throw new Error(`strace did not see the end of the monitor, ${pid}`);
    await setTimeout(20);
  }
}

/** The `sleep 60` of a command, once it runs. Left behind without a terminal it would sleep on. */
async function sleeper(cast: Cast): Promise<number> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const pids = await inhabitants(cast.lab.listenerPid);
    const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    const pid = pids[commands.indexOf('sleep\u000060\0')];
    if (pid !== undefined) return pid;
    if (performance.now() > deadline) throw new Error('nobody sleeps');
    await setTimeout(20);
  }
}
