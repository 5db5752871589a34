import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionActivity } from '../../agent/sshd/session-event.ts';
import { decodeAll, ofKind, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

type Line = Record<string, unknown>;

const STORY: readonly Line[] = Buffer.from(loadStream('9.2-keys'))
  .toString('latin1')
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => {
    const { cpu: _cpu, seq: _seq, ...rest } = JSON.parse(line) as Line;
    return rest;
  })
  .filter(({ k, type }) => k !== 'seq' && type !== 113);

function sessionOf(lines: readonly Line[]): SessionActivity {
  const stream = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 'latin1');
  const sessions = tell(decodeAll(stream)).connections.flatMap((connection) => ofKind(connection, 'session'));
  assert.equal(sessions.length, 1);
  return sessions[0] as SessionActivity;
}

const textOf = ({ command }: SessionActivity) =>
  command === undefined ? undefined : Buffer.from(command.bytes).toString('latin1');

const whole = sessionOf(STORY);
const fork = STORY.findIndex(({ k, child }) => k === 'fork' && child === whole.leader.pid);
const { pid, start, conn, ts } = STORY[fork] ?? {};

/** As an sshd that is built with auditing (Debian's is) says it just before it forks the leader. */
function announced(text: string): Line {
  const data = Buffer.alloc(4 + text.length);
  data.writeUInt32BE(text.length);
  data.write(text, 4, 'latin1');
  const time = String(BigInt(String(ts)) - 1_000n);
  const payload = { len: data.length, total: data.length, data: data.toString('hex') };
  return { k: 'mon', ts: time, pid, start, conn, role: 'sshd', type: 113, ...payload };
}

const withAnnounced = (text: string) => [...STORY.slice(0, fork), announced(text), ...STORY.slice(fork)];

/** Without what the leader ran. */
function withoutArgv(lines: readonly Line[]): Line[] {
  return lines.map((line) => {
    if (line['k'] !== 'exec' || line['pid'] !== whole.leader.pid) return line;
    const { argv: _argv, argv_len: _length, ...rest } = line;
    return rest;
  });
}

test('what sshd announces stands in for the command of a leader whose arguments were lost, and says nothing of the kind', () => {
  assert.equal(whole.type, 'exec');
  const session = sessionOf(withoutArgv(withAnnounced('make all')));
  assert.equal(textOf(session), 'make all');
  assert.equal(session.type, sessionOf(withoutArgv(STORY)).type);
  assert.equal(textOf(sessionOf(withoutArgv(STORY))), undefined);
});

test("what may be the user's shell, or sftp inside sshd, is no command", () => {
  for (const text of ['/bin/bash', 'internal-sftp', 'internal-sftp -R'])
    assert.equal(textOf(sessionOf(withoutArgv(withAnnounced(text)))), undefined);
});

test('what ran is told where it was seen, whatever was announced', () => {
  assert.deepEqual(sessionOf(withAnnounced('something else')), whole);
});

test('so a recorded login tells its command without the arguments of any program', () => {
  const recorded = Buffer.from(loadStream('9.2-keys')).toString('latin1');
  const announcement = /"type":113,"len":\d+,"total":\d+,"data":"[0-9a-f]{8}([0-9a-f]+)"/.exec(recorded);
  assert.equal(Buffer.from(announcement?.[1] ?? '', 'hex').toString('latin1'), textOf(whole));
});

test('what was announced before a gap may have been for another session', () => {
  const gap = { k: 'lost', ts: String(BigInt(String(ts)) - 500n), of: 'ringbuf', n: 1, conn };
  const lines = withAnnounced('make all');
  const session = sessionOf(withoutArgv([...lines.slice(0, fork + 1), gap, ...lines.slice(fork + 1)]));
  assert.equal(textOf(session), undefined);
});
