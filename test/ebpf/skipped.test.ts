import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { dumpMaps, noBpftool } from './maps.ts';
import { buildVariant, type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';

/** What tells strangers from the followed without a lookup: a bit for each pid. */
function markedPids(maps: readonly string[]): number[] {
  const words = maps.flatMap((json) => /"followed":\[([\d,]*)\]/.exec(json)?.[1]?.split(',') ?? []);
  return words.flatMap((word, i) =>
    Array.from({ length: 64 }, (_, bit) => i * 64 + bit).filter((pid) => (BigInt(word) >> BigInt(pid % 64)) & 1n),
  );
}

function followedPids(maps: readonly string[]): number[] {
  const procs = maps.find((json) => json.includes('"conn_pid"') && json.includes('"channel_fds"')) ?? '[]';
  const entries = JSON.parse(procs) as readonly { formatted: { key: number } }[];
  return entries.map((entry) => entry.formatted.key);
}

const LOGINS = 8;
const COMMAND = 'for i in 1 2 3 4 5 6 7 8 9 10; do (/bin/true) ; sh -c "/bin/true; exit 3"; done';
/** bash, ten times true, sh and true. */
const EXECS = 1 + 10 * 3;

describe('a build that misses every fifth fork, exit and send', { skip: whyNot() }, () => {
  let lab: Lab;
  let producer: Producer;
  before(async () => {
    const program = buildVariant('skipping', '-DSKIP_EVERY=5');
    lab = await startLab({ authorizedKeysSeconds: 0 });
    producer = await startProducer(['--listener', String(lab.listenerPid)], program);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  test('knows all connections and programs, files none under another, and ends what has ended', async () => {
    const monitors: number[] = [];
    for (let n = 0; n < LOGINS; n++) {
      const run = await lab.ssh({ command: COMMAND });
      assert.equal(run.exitCode, 3);
      const lines = lab.log().filter((line) => /^Accepted publickey/.test(line.text));
      monitors.push(Number(lines.at(-1)?.pid));
    }
    const told = new Set(producer.rows);
    // A sweep follows a login within two seconds; nothing told these kernels' producer that it missed something.
    await lab.ssh({ command: 'true' });
    for (let n = 0; n < 4; n++) await producer.caughtUp();
    const ours = (row: Row) =>
      told.has(row) || monitors.includes((row['conn'] as [number, string] | undefined)?.[0] ?? 0);
    const rows = producer.rows.filter(ours);
    const accepts = rows.filter((row) => row.k === 'accept');
    assert.deepEqual(
      accepts.map((row) => row['pid']),
      monitors,
    );
    assert.equal(new Set(accepts.map((row) => row['peer_port'])).size, LOGINS);

    const programs = rows.filter((row) => row.k === 'exec' && (row['uid'] as number[])[0] === lab.users.alice.uid);
    assert.equal(programs.length, LOGINS * EXECS);
    const connectionOf = (row: Row) => (row['conn'] as [number, string] | undefined)?.[0] ?? 0;
    for (const monitor of monitors) {
      assert.equal(programs.filter((row) => connectionOf(row) === monitor).length, EXECS, `programs of ${monitor}`);
    }
    assert.ok(programs.every((row) => row['role'] === 'program'));

    const life = (row: Row) => `${row['pid']} ${row['start']}`;
    const begun = new Set(rows.filter((row) => row.k === 'exec' && row['role'] !== 'listener').map(life));
    const exits = rows.filter((row) => row.k === 'exit').map(life);
    const ended = new Set(rows.filter((row) => row.k === 'exit' || row.k === 'untracked').map(life));
    assert.deepEqual(
      [...begun].filter((one) => !ended.has(one)),
      [],
    );
    assert.equal(new Set(exits).size, exits.length, 'one exit each');
    assert.ok(
      rows.some((row) => row.k === 'untracked'),
      'nothing was missed',
    );
    const forked = new Set(
      rows.filter((row) => row.k === 'fork').map((row) => `${row['child']} ${row['child_start']}`),
    );
    assert.ok(
      [...begun].some((one) => !forked.has(one)),
      'no fork was missed',
    );
  });

  test('whoever is followed no longer is a stranger again, also where a sweep found him gone', {
    skip: noBpftool,
  }, () => {
    const maps = dumpMaps(producer.pid);
    const followed = followedPids(maps);
    assert.ok(followed.includes(lab.listenerPid));
    assert.deepEqual(
      markedPids(maps),
      followed.toSorted((a, b) => a - b),
    );
  });

  test('messages: answers count without their request, and none is filed under the wrong type', () => {
    const messages = producer.rows.filter((row) => row.k === 'mon');
    const answered = (type: number) => messages.filter((row) => row['type'] === type);
    assert.ok(answered(23).length > LOGINS && answered(22).length > LOGINS);
    for (const row of answered(8)) {
      if (row['data'] !== undefined) assert.equal(textOf(row['data']), '\0\0\0\x05alice');
    }
    for (const row of answered(23)) {
      if (row['data'] !== undefined) assert.equal(row['data'], '00000001');
    }
    const known = new Set([4, 6, 7, 8, 9, 22, 23, 24, 25, 26, 50, 51, 52, 100, 102, 103, 112, 113]);
    assert.deepEqual(
      messages.filter((row) => !known.has(Number(row['type']))),
      [],
    );
  });
});
