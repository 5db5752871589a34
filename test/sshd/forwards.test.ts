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
    ...(facts.op === 'listen' ? {} : { peer: '192.0.2.7', peerPort: 5432 }),
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
      ref: { kind: 'forward', key: ['7'] },
      parent: { kind: 'connection', key: [] },
      startNs: NOW + 1_000n,
      endNs: NOW + 9_000n,
      endUnknown: undefined,
      direction: 'local',
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
