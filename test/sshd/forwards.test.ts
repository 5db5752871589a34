/** Forwards among the events of a real login: the socket's records stand where the user child's own do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardEvent, KernelEvent, ProcessId } from '../../agent/decode/kernel-event.ts';
import { decodeAll, ofKind, type ToldConnection, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';
import { sshString } from './events.ts';

const LOGIN = decodeAll(loadStream('9.2-password'));
/** The user child asks for a terminal (type 28): from then on it serves channels. */
const AT = LOGIN.findIndex((event) => event.kind === 'mon' && event.type === 28);
const SPEAKS = LOGIN[AT];
assert.ok(SPEAKS?.kind === 'mon' && SPEAKS.conn !== undefined);
const CHILD = SPEAKS.process;
const MONITOR = SPEAKS.conn;
const NOW = SPEAKS.tsNs;
const CHILD_EXIT = LOGIN.findIndex((event) => event.kind === 'exit' && event.process.pid === CHILD.pid);

const ROOT_NAME = { bytes: sshString('root'), length: 8 };

type Facts = Partial<Omit<ForwardEvent, 'kind' | 'tsNs' | 'peer' | 'peerPort'>>;

function socket(afterUs: number, states: [number, number], facts: Facts = {}): ForwardEvent {
  return {
    kind: 'forward',
    tsNs: NOW + BigInt(afterUs) * 1_000n,
    process: CHILD,
    conn: MONITOR,
    role: 'sshd',
    cookie: '7',
    op: 'connect',
    oldState: states[0],
    newState: states[1],
    ...(facts.op === 'listen' || facts.family === 'unix' ? {} : { peer: '192.0.2.7', peerPort: 5432 }),
    ...facts,
  };
}

/** The login with these events right after the terminal was asked for, or behind `at`. */
function withForwards(events: readonly KernelEvent[], at = AT): ToldConnection {
  const told = tell([...LOGIN.slice(0, at + 1), ...events, ...LOGIN.slice(at + 1)]);
  const [connection] = told.connections;
  assert.ok(connection);
  assert.deepEqual(told.left, { connections: 0, processes: 0 });
  return connection;
}

test('what connects is a local forward with its target, from its first packet to its close', () => {
  const told = withForwards([
    socket(1, [7, 2]),
    socket(2, [2, 1], { local: '192.0.2.1', localPort: 40_000 }),
    socket(9, [6, 7], { receivedBytes: 300n, sentBytes: 6n }),
  ]);
  assert.deepEqual(ofKind(told, 'forward'), [
    {
      kind: 'forward',
      ref: { kind: 'forward', key: ['7'], startNs: NOW + 1_000n },
      parent: { kind: 'connection', key: [] },
      startNs: NOW + 1_000n,
      endNs: NOW + 9_000n,
      endUnknown: undefined,
      direction: 'local',
      operation: 'connect',
      type: 'tcp',
      path: undefined,
      target: '192.0.2.7',
      targetPort: 5432,
      local: '192.0.2.1',
      localPort: 40_000,
      result: 'opened',
      receivedBytes: 300n,
      sentBytes: 6n,
    },
  ]);
  assert.equal(told.facts.forwards, 1);
});

test('a target that refuses, one that cannot be reached, and one whose answer was lost', () => {
  const told = withForwards([
    socket(1, [7, 2], { cookie: '1' }),
    socket(2, [2, 7], { cookie: '1', error: 111 }),
    socket(3, [7, 2], { cookie: '2' }),
    socket(4, [2, 7], { cookie: '2', error: 113 }),
    socket(5, [7, 2], { cookie: '3' }),
    socket(6, [4, 7], { cookie: '3' }),
  ]);
  assert.deepEqual(
    ofKind(told, 'forward').map((each) => each.result),
    ['refused', 'failed', 'opened'],
  );
});

test('a listener is a remote forward without a target, and ends with its connection at the latest', () => {
  const listen: Facts = { op: 'listen', local: '127.0.0.1', localPort: 8080 };
  const told = withForwards([socket(1, [7, 10], listen)]);
  const [forward] = ofKind(told, 'forward');
  assert.deepEqual(
    [forward?.direction, forward?.target, forward?.localPort, forward?.result, forward?.endNs, forward?.endUnknown],
    ['remote', undefined, 8080, 'opened', told.facts.endNs, undefined],
  );
});

test('a socket that the kernel closes behind the exit of its process is told by its close', () => {
  const exit = LOGIN[CHILD_EXIT];
  assert.ok(exit !== undefined);
  const close = { ...socket(0, [4, 7], { receivedBytes: 1n, sentBytes: 2n }), tsNs: exit.tsNs + 1n };
  const events = [...LOGIN.slice(0, CHILD_EXIT + 1), close, ...LOGIN.slice(CHILD_EXIT + 1)];
  events.splice(AT + 1, 0, socket(1, [7, 2]));
  const [told] = tell(events).connections;
  const [forward] = told === undefined ? [] : ofKind(told, 'forward');
  assert.deepEqual([forward?.endNs, forward?.sentBytes], [close.tsNs, 2n]);
});

const bytes = (text: string) => new TextEncoder().encode(text);

test('unix sockets: connected at once, or not at all; what sshd listens on and what it accepted there', () => {
  const unix = (path: string, facts: Facts = {}): Facts => ({ family: 'unix', path: bytes(path), ...facts });
  const [agent, other] = [`/tmp/ssh-AMk79YPyiz/agent.${CHILD.pid}`, '/tmp/back'];
  const accepted = { op: 'accept', cookie: '4' } as const;
  const told = withForwards([
    socket(1, [7, 1], unix('/run/db', { cookie: '1' })),
    socket(2, [7, 7], unix('/none', { cookie: '2', error: 2 })),
    socket(3, [7, 7], unix('/dead', { cookie: '5', error: 111 })),
    socket(4, [7, 10], unix(agent, { op: 'listen', cookie: '3' })),
    socket(5, [7, 10], unix(other, { op: 'listen', cookie: '6' })),
    socket(6, [7, 1], unix(agent, { ...accepted, listener: '3' })),
    socket(7, [1, 7], unix(agent, { ...accepted, receivedBytes: 5n, sentBytes: 81n })),
    socket(8, [1, 7], unix('/run/db', { cookie: '1', receivedBytes: 1n, sentBytes: 2n })),
    socket(9, [10, 7], unix(agent, { op: 'listen', cookie: '3' })),
  ]);
  const seen = ofKind(told, 'forward').map((one) => [
    ...[one.type, one.operation, String.fromCharCode(...(one.path ?? [])), one.result, one.receivedBytes],
    one.parent.kind === 'forward' ? one.parent.key[0] : undefined,
  ]);
  assert.deepEqual(seen, [
    ['unix', 'connect', '/run/db', 'opened', 1n, undefined],
    ['unix', 'connect', '/none', 'failed', undefined, undefined],
    ['unix', 'connect', '/dead', 'refused', undefined, undefined],
    ['agent', 'listen', agent, 'opened', undefined, undefined],
    ['unix', 'listen', other, 'opened', undefined, undefined],
    ['agent', 'accept', agent, 'opened', 5n, '3'],
  ]);
});

test("a socket that is named like an agent's, but by another pid, may be one or another", () => {
  const listen = { op: 'listen', family: 'unix' } as const;
  const told = withForwards([
    socket(1, [7, 10], { ...listen, cookie: '1', path: bytes('/tmp/ssh-abc/agent.7') }),
    socket(2, [7, 10], { ...listen, cookie: '2', path: bytes(`/home/a/.ssh/agent/s.aB1.sshd.${CHILD.pid}.x`) }),
    socket(3, [7, 10], { ...listen, cookie: '3', path: bytes(`/tmp/ssh-a/b/agent.${CHILD.pid}`) }),
    socket(4, [7, 10], { ...listen, cookie: '4' }),
  ]);
  assert.deepEqual(
    ofKind(told, 'forward').map((one) => one.type),
    [undefined, 'agent', 'unix', undefined],
  );
});

/** The leader's fork that sshd runs xauth by, right behind the leader's own fork. */
function withXauth(ports: readonly number[], command = '/usr/bin/xauth -q -'): ToldConnection {
  const at = LOGIN.findIndex((event) => event.kind === 'fork' && event.process.pid === CHILD.pid);
  const leader = LOGIN[at];
  assert.ok(leader?.kind === 'fork');
  const own = { tsNs: leader.tsNs + 1_000n, conn: MONITOR } as const;
  const child = { pid: 999_999, startNs: leader.tsNs + 1_000n };
  const argv = bytes(`sh\0-c\0${command}\0`);
  return withForwards(
    [
      ...ports
        .map((localPort, index) =>
          socket(0, [7, 10], { op: 'listen', cookie: `${index}`, local: '127.0.0.1', localPort }),
        )
        .map((event) => ({ ...event, tsNs: leader.tsNs })),
      { ...own, kind: 'setsid', role: 'sshd', process: leader.child, sid: leader.child.pid, late: false },
      { ...own, kind: 'fork', role: 'sshd', process: leader.child, child },
      {
        ...{
          ...own,
          kind: 'exec',
          role: 'program',
          process: child,
          env: [],
          argv: { bytes: argv, length: argv.length },
        },
        ...{ ppid: leader.child.pid, file: { bytes: bytes('/bin/sh'), length: 7 }, comm: bytes('sh') },
      },
      { ...own, kind: 'exit', role: 'program', process: child, code: 0, signal: 0, core: false },
    ] as KernelEvent[],
    at,
  );
}

test('xauth, run by sshd, tells X11 from a port that the client named, if only one may be either', () => {
  const types = (told: ToldConnection) => ofKind(told, 'forward').map((one) => `${one.localPort} ${one.type}`);
  assert.deepEqual(types(withXauth([6010, 6010, 8080])), ['6010 x11', '6010 x11', '8080 tcp']);
  assert.deepEqual(types(withXauth([6010, 6011])), ['6010 undefined', '6011 undefined']);
  assert.deepEqual(types(withXauth([6010], '--\0/opt/xauth -q -')), ['6010 x11']);
  assert.deepEqual(types(withXauth([6010], 'xauth list')), ['6010 undefined']);
});

test('what sshd denies is told by its log, with the address or the name that was asked for', () => {
  const log = (text: string): KernelEvent => {
    const data = bytes(`<38>Nov 24 15:01:36 sshd[1]: ${text}`);
    return {
      ...{ kind: 'log', tsNs: NOW + 1_000n, process: CHILD, conn: MONITOR, role: 'sshd' },
      data: { bytes: data, length: data.length },
    };
  };
  const asked = 'Received request from 127.0.0.1 port 5 to';
  const told = withForwards([
    log('refused local port forward: originator 127.0.0.1 port 4, target 192.0.2.7 port 80'),
    log('refused local port forward: originator ::1 port 4, target db, target x port 1 port 5432'),
    log('refused streamlocal port forward: originator 127.0.0.1 port 4, target /run/x'),
    log(`${asked} connect to host 192.0.2.8 port 81, but the request was denied.`),
    log(`${asked} connect to path /run/y, but the request was denied.`),
    log(`${asked} remote forward to host 0.0.0.0 port 82, but the request was denied.`),
    log(`refused local port forward: originator a port 4, target ${'a'.repeat(100)} port 80`),
    log('refused local port forward: originator a port 4, target x port 80000'),
    log('Starting session: command for x, but the request was denied.'),
  ]);
  const text = (name: Uint8Array | undefined) => (name === undefined ? '-' : String.fromCharCode(...name));
  assert.deepEqual(
    ofKind(told, 'forward').map(
      (one) =>
        `${one.result} ${one.type} ${one.operation} ${one.target ?? one.local ?? text(one.targetName ?? one.path)}`,
    ),
    [
      'denied tcp connect 192.0.2.7',
      'denied tcp connect db, target x port 1',
      'denied unix connect /run/x',
      'denied tcp connect 192.0.2.8',
      'denied unix connect /run/y',
      'denied tcp listen 0.0.0.0',
      'denied tcp connect -',
    ],
  );
});

test('what the monitor or a session connects to is none, nor what began unseen', () => {
  const by = (process: ProcessId, cookie: string) => socket(1, [7, 2], { process, cookie });
  const told = withForwards([by(MONITOR, '1'), socket(2, [2, 1], { cookie: '2' }), socket(3, [1, 7], { cookie: '2' })]);
  assert.deepEqual(ofKind(told, 'forward'), []);
  assert.equal(told.facts.forwards, 0);
  const leader = LOGIN.find((event) => event.kind === 'fork' && event.process.pid === CHILD.pid);
  assert.ok(leader?.kind === 'fork');
  const late = withForwards([by(leader.child, '3')], LOGIN.indexOf(leader));
  assert.deepEqual(ofKind(late, 'forward'), []);
});

test('a thousand are told, the rest is counted, and nothing of them is kept', () => {
  const told = withForwards(
    Array.from({ length: 1_500 }, (_, i) => [
      socket(1, [7, 2], { cookie: `${i}` }),
      socket(2, [2, 7], { cookie: `${i}`, error: 111 }),
    ]).flat(),
  );
  assert.deepEqual([ofKind(told, 'forward').length, told.facts.forwards], [1_000, 1_500]);
});

test('as root, family A has no user child: what the monitor connects to after the login is a forward', () => {
  const root = LOGIN.map((event) => (event.kind === 'mon' && event.type === 8 ? { ...event, data: ROOT_NAME } : event));
  const told = tell([...root.slice(0, AT), socket(1, [7, 2], { process: MONITOR }), ...root.slice(AT)]);
  assert.deepEqual(
    told.connections.flatMap((each) => ofKind(each, 'forward')).map((each) => each.target),
    ['192.0.2.7'],
  );
});
