/** Scenarios of the servers themselves: several of them, and restarts while sessions are open. */
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../../agent/lab/ports.ts';
import type { LogLine } from '../../agent/lab/witness-log.ts';
import type { Cast } from './cast.ts';
import { CONTAINER, checkContainer, makeContainer, noContainer, removeContainer, whenAlone } from './container.ts';
import { bySupervisor, twice } from './launchers.ts';
import type { Scenario } from './scenario.ts';

const LISTENS = /^Server listening on \S+ port (\d+)\.$/;

/** The next listener that says so after so many lines of the log. @throws Error after 20 s */
async function nextListener(cast: Cast, after: number): Promise<LogLine & { pid: number }> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const line = cast.lab
      .log()
      .slice(after)
      .find(({ text }) => LISTENS.test(text));
    if (line?.pid !== undefined) return { ...line, pid: line.pid };
    if (performance.now() > deadline) throw new Error('no listener within 20 s');
    await setTimeout(10);
  }
}

const AUDIT_SESSION = 'echo "audit session $(cat /proc/self/sessionid)"';

export const SERVER_SCENARIOS: readonly Scenario[] = [
  {
    name: 'container',
    story: 'an sshd in a container of a pod (pid, mount and cgroup namespaces of its own): alice and root log in',
    wholeHost: 'containers',
    notOn: noContainer,
    notBy: (producer) =>
      producer === 'bpftrace' ? 'it watches no server outside of the host’s pid namespace' : undefined,
    prepare: makeContainer,
    cleanUp: removeContainer,
    play: async (cast) => {
      const alice = await cast.start({ command: `echo on; read -r go; ${AUDIT_SESSION}; (sleep 0.1; exit 1); exit 3` });
      await alice.session.waitFor('on\n');
      await checkContainer(cast.folder, cast.lab);
      cast.container = CONTAINER;
      alice.session.end('go\n');
      await alice.finished();
      await cast.ssh({ user: 'root', command: `${AUDIT_SESSION}; exit 4` });
      await whenAlone(cast.folder);
    },
  },
  {
    name: 'two_ports',
    story: 'one sshd listens on two ports, a login on each',
    lab: { ports: 2 },
    play: async (cast) => {
      await Promise.all([
        cast.ssh({ command: '/bin/echo one; sleep 0.2; exit 1' }),
        cast.ssh({ user: 'bob', config: [`Port=${cast.lab.ports[1]}`], command: '/bin/echo two; exit 2' }),
      ]);
    },
  },
  {
    name: 'two_servers',
    story: 'two sshds on one host, a login on each',
    lab: { ports: 2, launch: twice },
    wholeHost: true,
    play: async (cast) => {
      await Promise.all([
        cast.ssh({ command: '/bin/echo one; sleep 0.2; exit 1' }),
        cast.ssh({ user: 'bob', config: [`Port=${cast.lab.ports[1]}`], command: '/bin/echo two; exit 2' }),
      ]);
    },
  },
  {
    name: 'listener_restart',
    story: 'sshd is stopped and started again while a session is open, and another login follows',
    lab: { launch: bySupervisor },
    wholeHost: true,
    play: async (cast) => {
      const { pid } = await nextListener(cast, 0);
      const first = await cast.start({ command: 'echo on; cat > /dev/null; /bin/true; exit 5' });
      await first.session.waitFor('on');
      const before = cast.lab.log().length;
      process.kill(pid, 'SIGTERM');
      await nextListener(cast, before);
      await cast.ssh({ user: 'bob', command: 'exit 6' });
      first.session.end();
      await first.finished();
    },
  },
  {
    name: 'restart_inside',
    story: 'root starts another sshd from his session, which outlives it, and bob logs in there',
    wholeHost: true,
    play: async (cast) => {
      const port = await freePort('127.0.0.1');
      cast.morePorts.push(port);
      const before = cast.lab.log().length;
      await cast.ssh({ user: 'root', command: `/usr/sbin/sshd -f /run/lab/sshd_config -p ${port}; exit 3` });
      const { pid } = await nextListener(cast, before);
      await cast.ssh({ user: 'bob', config: [`Port=${port}`], command: '/bin/true; exit 4' });
      process.kill(pid, 'SIGTERM');
    },
  },
  {
    name: 'restart_exec',
    story: 'root runs another sshd in his session, in the foreground, and bob logs in there',
    wholeHost: true,
    play: async (cast) => {
      const port = await freePort('127.0.0.1');
      cast.morePorts.push(port);
      const before = cast.lab.log().length;
      const root = await cast.start({
        user: 'root',
        command: `/usr/sbin/sshd -D -f /run/lab/sshd_config -p ${port}; exit 3`,
      });
      const { pid } = await nextListener(cast, before);
      await cast.ssh({ user: 'bob', config: [`Port=${port}`], command: '/bin/true; exit 4' });
      process.kill(pid, 'SIGTERM');
      await root.finished();
    },
  },
];
