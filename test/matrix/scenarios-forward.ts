/** Scenarios of what sshd forwards: ports both ways, unix sockets, the agent, X11. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../agent/lab/ports.ts';
import type { Actor, Cast } from './cast.ts';
import {
  answering,
  askAgent,
  EXCHANGED,
  listeningOn,
  type SeenForward,
  SPOKEN,
  socks,
  through,
} from './forward-peers.ts';
import type { Scenario } from './scenario.ts';

const HOST = '127.0.0.1';
/** A port where nobody listens, and no other test will. */
const NOBODY = 1;

/** Starts a client that only forwards, and waits until it does. */
async function forwarding(cast: Cast, args: readonly string[], remotes = 0): Promise<Actor> {
  const client = await cast.start({ args: ['-N', ...args] });
  let at = await client.session.waitForDebug('Entering interactive session');
  for (let i = 0; i < remotes; i++) at = await client.session.waitForDebug('remote forward success', at);
  await cast.lab.waitForLog(/^User child is on pid/);
  return client;
}

async function leave(client: Actor, forwards: readonly SeenForward[]): Promise<void> {
  client.session.kill('SIGTERM');
  await client.finished();
  client.part.forwards = forwards;
}

/** Different ports that nobody uses. */
async function ports(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) found.add(await freePort(HOST));
  return [...found];
}

const listens = async (port: number, type: string): Promise<SeenForward[]> =>
  (await listeningOn(port)).map((address) => ({ what: `listen ${address}:${port}`, result: `${type} opened` }));

export const FORWARD_SCENARIOS: readonly Scenario[] = [
  {
    name: 'forward_L',
    story: 'two ports forwarded (-L): to somebody who answers, and to nobody',
    play: async (cast) => {
      const peer = await answering(1);
      const [open = 0, shut = 0] = await ports(2);
      const client = await forwarding(cast, [
        ...['-L', `${open}:${HOST}:${peer.port}`],
        ...['-L', `${shut}:${HOST}:${NOBODY}`],
      ]);
      await through(open);
      await through(shut, false);
      await peer.close();
      await leave(client, [
        { what: `connect ${HOST}:${peer.port}`, result: 'tcp opened', bytes: EXCHANGED },
        { what: `connect ${HOST}:${NOBODY}`, result: 'tcp refused' },
      ]);
    },
  },
  {
    name: 'forward_R',
    recordExact: true,
    story: 'a port forwarded to the client (-R) and used twice',
    play: async (cast) => {
      const peer = await answering(2);
      const [port = 0] = await ports(1);
      const client = await forwarding(cast, ['-R', `${port}:${HOST}:${peer.port}`], 1);
      const listening = await listens(port, 'tcp');
      await through(port);
      await through(port);
      await peer.close();
      const use = { what: `accept ${HOST}:${port}`, result: 'tcp opened', bytes: SPOKEN, exact: true } as const;
      await leave(client, [...listening, use, use]);
    },
  },
  {
    name: 'forward_D',
    story: 'a SOCKS proxy (-D)',
    play: async (cast) => {
      const peer = await answering(1);
      const [port = 0] = await ports(1);
      const client = await forwarding(cast, ['-D', `${HOST}:${port}`]);
      await through(port, true, socks(peer.port));
      await peer.close();
      await leave(client, [{ what: `connect ${HOST}:${peer.port}`, result: 'tcp opened', bytes: EXCHANGED }]);
    },
  },
  {
    name: 'forward_denied',
    story: 'AllowTcpForwarding and AllowStreamLocalForwarding no',
    lab: { config: { AllowTcpForwarding: 'no', AllowStreamLocalForwarding: 'no' } },
    play: async (cast) => {
      const [port = 0, local = 0, target = 0] = await ports(3);
      const client = await forwarding(cast, ['-L', `${port}:${HOST}:${target}`, '-L', `${local}:/run/lab/none`]);
      await through(port, false);
      await through(local, false);
      await leave(client, [
        { what: `connect ${HOST}:${target}`, result: 'tcp denied' },
        { what: 'connect /run/lab/none', result: 'unix denied' },
      ]);
    },
  },
  {
    name: 'forward_permitted',
    story: 'PermitOpen lets one target through and PermitListen no port',
    prepare: async () => {
      const [target = 0] = await ports(1);
      return { config: { PermitOpen: `${HOST}:${target}`, PermitListen: 'none' } };
    },
    play: async (cast) => {
      const [port = 0, other = 0, remote = 0] = await ports(3);
      const client = await forwarding(cast, ['-L', `${port}:${HOST}:${other}`, '-R', `${remote}:${HOST}:${other}`]);
      await client.session.waitForDebug('remote port forwarding failed');
      await through(port, false);
      await leave(client, [
        { what: `connect ${HOST}:${other}`, result: 'tcp denied' },
        { what: `listen localhost:${remote}`, result: 'tcp denied' },
      ]);
    },
  },
  {
    name: 'forward_unix',
    recordExact: true,
    story: 'unix sockets forwarded both ways: used, and to a path where nothing is',
    play: async (cast) => {
      const inside = '/run/lab/peer.sock';
      const back = '/home/alice/back.sock';
      const peer = await answering(1, `${cast.lab.insideRoot}${inside}`);
      const own = await answering(1, join(cast.lab.folder, 'own.sock'));
      const [open = 0, shut = 0] = await ports(2);
      const local = ['-L', `${open}:${inside}`, '-L', `${shut}:/run/lab/none.sock`];
      const client = await forwarding(cast, [...local, '-R', `${back}:${join(cast.lab.folder, 'own.sock')}`], 1);
      await through(open);
      await through(shut, false);
      await through(`${cast.lab.insideRoot}${back}`);
      await Promise.all([peer.close(), own.close()]);
      await leave(client, [
        { what: `connect ${inside}`, result: 'unix opened', bytes: EXCHANGED, exact: true },
        { what: 'connect /run/lab/none.sock', result: 'unix failed', exact: true },
        { what: `listen ${back}`, result: 'unix opened', exact: true },
        { what: `accept ${back}`, result: 'unix opened', bytes: SPOKEN, exact: true },
      ]);
    },
  },
  ...['alice', 'root'].map(
    (user): Scenario => ({
      name: user === 'root' ? 'forward_agent_root' : 'forward_agent',
      recordExact: true,
      story: `${user} forwards the agent, which is used twice`,
      play: async (cast) => {
        const socket = join(cast.lab.folder, 'agent.sock');
        const started = execFileSync('ssh-agent', ['-a', socket], { encoding: 'latin1', timeout: 10_000 });
        try {
          execFileSync('ssh-add', ['-q', cast.lab.keys.good.path], { env: { SSH_AUTH_SOCK: socket }, timeout: 10_000 });
          const client = await cast.start({
            user,
            config: [`IdentityAgent=${socket}`, 'ForwardAgent=yes'],
            command: 'echo "$SSH_AUTH_SOCK" > /tmp/socket; ssh-add -l || exit 1; read -r go; exit 3',
          });
          await client.session.waitFor(' (ED25519)\n');
          const path = (await readFile(`${cast.lab.insideRoot}/tmp/socket`, 'utf8')).trimEnd();
          const bytes = await askAgent(`${cast.lab.insideRoot}${path}`, 3);
          client.session.end('go\n');
          await client.finished();
          const use = { what: `accept ${path}`, result: 'agent opened', exact: true } as const;
          const listening = { what: `listen ${path}`, result: 'agent opened', exact: true } as const;
          client.part.forwards = [listening, use, { ...use, bytes }];
        } finally {
          process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1]));
        }
      },
    }),
  ),
  {
    name: 'forward_X11',
    recordExact: true,
    story: 'a program that shows itself on the screen of the client',
    // What xauth is told says where the display is; a screen that speaks X11 is not needed to come that far.
    lab: {
      config: { X11Forwarding: 'yes', XAuthLocation: '/run/lab/xauth' },
      files: { xauth: '#!/bin/sh\ncat > "$HOME/.x11"\n' },
    },
    play: async (cast) => {
      const screen = await answering(0);
      const client = await cast.start({
        config: ['ForwardX11=yes', 'ForwardX11Trusted=yes', 'XAuthLocation=/nonexistent'],
        env: { DISPLAY: `${HOST}:${screen.port - 6000}` },
        command: `n=\${DISPLAY#*:}; n=\${n%.*}; echo on; read -r go; exec 3<> /dev/tcp/127.0.0.1/$((6000 + n)); exit 4`,
      });
      await client.session.waitFor('on\n');
      const told = await readFile(`${cast.lab.insideRoot}/home/alice/.x11`, 'latin1');
      const port = 6000 + Number(/^add \S*:(\d+)\.0 /m.exec(told)?.[1]);
      const listening = await listens(port, 'x11');
      client.session.end('go\n');
      await client.finished();
      await screen.close();
      client.part.forwards = [...listening, { what: `accept ${HOST}:${port}`, result: 'x11 opened', exact: true }];
    },
  },
];
