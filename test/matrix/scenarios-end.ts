/** Scenarios of how connections end. */
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
];
