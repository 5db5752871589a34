/** Scenarios of other clients and other ways to run programs. */
import { chmod, copyFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runChild } from '../../agent/source/child-process.ts';
import type { Scenario } from './scenario.ts';
import { passwordOf, WRONG } from './scenarios-login.ts';

export const MORE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'root_denied',
    story: 'root may not log in, whatever the password',
    lab: { config: { PermitRootLogin: 'no' } },
    play: async (cast) => {
      await cast.ssh({ user: 'root', passwords: [WRONG[0], WRONG[1]], command: 'true' });
    },
  },
  {
    name: 'penalty',
    story: 'after failures the address is shut out',
    lab: { config: { PerSourcePenalties: 'authfail:20s min:1s' } },
    notOn: ({ id }) => (Number(id) < 9.8 ? 'it knows no penalties' : undefined),
    play: async (cast) => {
      const first = await cast.start({ passwords: [WRONG[0]], command: 'true' });
      first.session.end();
      await first.finished();
      await cast.lab.settled();
      await cast.raw('', true, first.part.address);
    },
  },
  {
    name: 'slow_client',
    story: 'a client that tells its version letter by letter and then leaves',
    play: async (cast) => {
      await cast.raw('SSH-2.0-slow', false, undefined, 60);
    },
  },
  {
    name: 'forward_W',
    story: 'a client that only wants a way through (-W): to somebody who answers, and to nobody',
    play: async (cast) => {
      let visitors = 0;
      const target = createServer((socket) => {
        visitors++;
        socket.end('hello\n');
      });
      await new Promise<void>((listening) => target.listen(0, '127.0.0.1', listening));
      const at = target.address();
      if (at === null || typeof at === 'string') throw new Error('the target has no port');
      for (const result of ['opened', 'refused']) {
        const client = await cast.start({ args: ['-W', `127.0.0.1:${at.port}`] });
        await client.finished();
        client.part.proxied = true;
        client.part.forwards = [{ what: `connect 127.0.0.1:${at.port}`, result: `tcp ${result}` }];
        if (result === 'opened') await new Promise((closed) => target.close(closed));
      }
      if (visitors !== 1) throw new Error(`the target saw ${visitors} visitors`);
    },
  },
  {
    name: 'bytes',
    story: 'a relay counts the bytes of a command that prints and reads much',
    play: async (cast) => {
      await cast.counted({ command: 'head -c 300000 /dev/zero; wc -c > /dev/null', stdin: 'x'.repeat(200_000) });
    },
  },
  {
    name: 'scp',
    story: 'a file by scp, the new way (sftp) and the old way (-O)',
    files: true,
    play: async (cast) => {
      await cast.program('scp', ['/etc/services', 'alice@127.0.0.1:new'], 'subsystem sftp');
      await cast.program('scp', ['-O', '/etc/services', 'alice@127.0.0.1:old'], 'exec');
    },
  },
  {
    name: 'exec_zoo',
    story: 'fork, vfork, posix_spawn, execveat, an exec from a thread',
    prepare: async (folder) => {
      const source = join(import.meta.dirname, '..', 'ebpf', 'exec-zoo.c');
      const args = ['-O1', '-static', '-pthread', '-o', join(folder, 'zoo'), source];
      const made = await runChild({ command: 'cc', args }, 60_000);
      if (made.code !== 0) throw new Error(`cc ${made.reason}: ${made.stderr}`);
      return {};
    },
    play: async (cast) => {
      const inside = `${cast.lab.insideRoot}/run/lab/zoo`;
      await copyFile(join(cast.folder, 'zoo'), inside);
      await chmod(inside, 0o755);
      await cast.ssh({
        command: 'for how in /bin/true fexecve spawn vfork thread fail; do /run/lab/zoo $how 3 5; done; exit 0',
      });
    },
  },
  {
    name: 'fork_limit',
    story: 'a shell that forks until ulimit -u stops it',
    play: async (cast) => {
      await cast.ssh({
        user: 'carol',
        command:
          'ulimit -u 40; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do (sleep 0.3) & done 2> /dev/null; wait; exit 3',
      });
    },
  },
  {
    name: 'two_at_once',
    story: 'two users log in at the same time, each with what is his',
    play: async (cast) => {
      await Promise.all([
        cast.ssh({ passwords: [WRONG[0], passwordOf(cast)], command: '/bin/echo alice; sleep 0.3; exit 1' }),
        cast.ssh({ user: 'bob', command: '/bin/echo bob; sleep 0.2; exit 2' }),
      ]);
    },
  },
];
