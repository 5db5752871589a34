/**
 * Six real servers of all four families told the same fifteen-step story. What must be found is what the clients did: the
 * `#` lines at the top of each stream, written by the clients' own script, and the fingerprints that ssh-keygen printed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argvText, decodeAll, ofKind, refText, type Told, type ToldConnection, tell } from '../helpers/model.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';

const SERVERS: readonly (readonly [stream: string, family: 'A' | 'B' | 'C' | 'D'])[] = [
  ['8.4-debian-story', 'A'],
  ['9.2-debian-story', 'A'],
  ['9.9-upstream-story', 'B'],
  ['10.0-debian-story', 'C'],
  ['10.6-debian-story', 'C'],
  ['8.4-privsep-off-story', 'D'],
];

const user = (c: ToldConnection): string => new TextDecoder().decode(c.facts.user?.name);
const attempts = (c: ToldConnection): string[] =>
  ofKind(c, 'attempt').map((a) => `${a.method}${a.query ? ' query' : ''} ${a.result}`);
const commands = (c: ToldConnection): string[] =>
  ofKind(c, 'program')
    .filter((p) => p.session !== undefined)
    .map((p) => argvText(p.program.argv));

for (const [name, family] of SERVERS) {
  test(`${name}: every step of the story is found, and nothing else`, () => {
    assert.ok(streamNames().includes(name));
    const stream = loadStream(name);
    const text = new TextDecoder().decode(stream);
    const fingerprints = text.match(/# keys: good (SHA256:\S+), wrong1 (SHA256:\S+)/);
    assert.ok(fingerprints?.[1] !== undefined && fingerprints[2] !== undefined, 'the story names the keys');
    const [, good, wrong] = fingerprints;
    const told = tell(decodeAll(stream));
    const [
      ready,
      key,
      pty,
      root,
      invalid,
      password,
      wrongPw,
      mallory,
      kbdint,
      wrongKbd,
      mux,
      sftp,
      killed,
      survivor,
      scan,
      http,
    ] = told.connections;
    assert.equal(told.connections.length, 16, 'the readiness check and fifteen steps');
    assert.deepEqual(told.left, { connections: 0, processes: 0 }, 'every process has exited, so nothing is kept');
    for (const c of told.connections) assertWhole(c);
    assert.ok(ready && key && pty && root && invalid && password && wrongPw && mallory);
    assert.ok(kbdint && wrongKbd && mux && sftp && killed && survivor && scan && http);
    const separated = family !== 'D';

    // 1. key login: one wrong ed25519 key, then the good one; /bin/echo hi | cat; (exit 9); exit 5
    assert.equal(key.facts.family, family);
    assert.equal(user(key), 'alice');
    assert.deepEqual(attempts(key), [
      separated ? 'publickey query rejected' : 'publickey rejected', // D's log does not tell a query from a signature
      'publickey query acceptable',
      'publickey accepted',
    ]);
    const keys = ofKind(key, 'attempt').map((a) => a.key?.fingerprint);
    assert.deepEqual(keys, [separated ? wrong : undefined, good, good]);
    assert.equal(key.facts.key?.fingerprint, good);
    const runs = ofKind(key, 'helper').filter((h) => h.helper === 'authorized_keys_command');
    assert.deepEqual(
      runs.map((r) => refText(r.parent)),
      ['attempt 1', 'attempt 2', 'attempt 3'],
    );
    for (const run of runs) {
      assert.equal(run.program.exit?.code, 0);
      assert.ok(run.endNs - run.startNs > 100_000_000n, 'it sleeps 0.1 s');
    }
    assert.deepEqual(sessions(key), ['exec "/bin/echo hi | cat; (exit 9); exit 5" 5']);
    assert.deepEqual(commands(key).sort(), ['/bin/echo hi', 'bash -c /bin/echo hi | cat; (exit 9); exit 5', 'cat']);
    const shell = ofKind(key, 'program').find((p) => (p.program.forksFailed ?? 0) > 0);
    assert.deepEqual(
      [shell?.program.forks, shell?.program.forksFailed],
      [1, 1],
      '(exit 9) is a fork without a program',
    );

    // 2. pty forced: sh -c 'exit 6'; bash execs sh in the same process
    assert.deepEqual(sessions(pty), [`exec "sh -c 'exit 6'" 6 /dev/pts/0`]);
    assert.deepEqual(
      ofKind(pty, 'program')
        .filter((p) => p.session)
        .map((p) => p.program.replaced),
      [true, false],
    );

    // 3. root
    assert.equal(user(root), 'root');
    assert.deepEqual(sessions(root), ['exec "id -u; exit 7" 7']);

    // 4. invalid user with a key: sshd never hears of the key, but D's log does
    assert.equal(user(invalid), 'mallory');
    assert.equal(invalid.facts.userValid, false);
    assert.deepEqual(attempts(invalid), separated ? [] : ['publickey rejected']);
    assert.equal(invalid.facts.disconnectReason, separated ? 'no_attempt' : 'auth_failed');

    // 5..7 passwords
    assert.deepEqual(attempts(password), ['password accepted']);
    assert.deepEqual(sessions(password), ['exec "exit 8" 8']);
    assert.deepEqual(attempts(wrongPw), ['password rejected', 'password rejected', 'password rejected']);
    assert.equal(wrongPw.facts.disconnectReason, 'auth_failed');
    assert.deepEqual(attempts(mallory), ['password rejected', 'password rejected', 'password rejected']);
    assert.equal(mallory.facts.userValid, false);
    assert.equal(mallory.facts.authenticated, false);

    // 8, 9 keyboard-interactive
    assert.deepEqual(attempts(kbdint), ['keyboard-interactive accepted']);
    assert.deepEqual(sessions(kbdint), ['exec "exit 8" 8']);
    const rejected = 'keyboard-interactive rejected';
    assert.deepEqual(attempts(wrongKbd), [rejected, rejected, rejected]);

    // 10. two sessions at once on one connection
    assert.deepEqual(sessions(mux).sort(), ['exec "sleep 0.2; exit 11" 11', 'exec "sleep 0.2; exit 12" 12']);

    // 11. internal-sftp never execs
    assert.deepEqual(
      ofKind(sftp, 'session').map((s) => [s.type, s.subsystem, s.exit?.code]),
      [['subsystem', 'sftp', 0]],
    );

    // 12. client killed while sleep runs: the command lives on and dies by SIGPIPE
    assert.equal(killed.facts.disconnectReason, 'client_vanished');
    assert.deepEqual(
      ofKind(killed, 'session').map((s) => s.endedBy),
      ['connection'],
    );
    const bash = ofKind(killed, 'program').find((p) => argvText(p.program.argv).startsWith('bash -c'));
    assert.equal(bash?.program.exit?.signal, 13);
    assert.equal(bash?.program.survivor, true);

    // 13. survivor: setsid sleep 1 in the background
    const slept = ofKind(survivor, 'program').find((p) => argvText(p.program.argv) === 'sleep 1');
    assert.equal(slept?.program.survivor, true);
    assert.equal(slept?.session?.kind, 'session');
    assert.equal(survivor.facts.disconnectReason, 'logout');

    // 14, 15 scans
    assert.equal(scan.facts.disconnectReason, 'scan');
    assert.equal(http.facts.disconnectReason, 'protocol_error');
    for (const c of [scan, http]) assert.deepEqual([c.facts.attempts, c.facts.authenticated, user(c)], [0, false, '']);

    for (const c of [key, pty, root, password, kbdint]) assertAccounted(c, separated);
  });
}

/** `type "command" exit [tty]`, in order of their start. */
function sessions(c: ToldConnection): string[] {
  return ofKind(c, 'session').map((s) => {
    const tty = s.tty === undefined ? '' : ` ${s.tty}`;
    return `${s.type} "${new TextDecoder().decode(s.command?.bytes)}" ${s.exit?.code}${tty}`;
  });
}

/** What must hold for every connection of a whole stream. */
function assertWhole(c: ToldConnection): void {
  assert.ok(c.closed);
  assert.deepEqual([...c.facts.incomplete], []);
  assert.equal(c.facts.lostEvents, 0);
  const refs = new Set(['connection', ...c.activities.map((a) => refText(a.ref))]);
  assert.equal(refs.size, c.activities.length + 1, 'every ref is used once');
  for (const a of c.activities) {
    assert.ok(refs.has(refText(a.parent)), `${refText(a.ref)} has the parent ${refText(a.parent)}`);
    assert.ok(a.endNs >= a.startNs);
    assert.ok(a.startNs >= c.facts.startNs);
    assert.equal(a.endUnknown, undefined);
  }
}

/** At least 95 % of accept to first program lies in leaves. */
function assertAccounted(c: ToldConnection, separated: boolean): void {
  const login = c.facts.login;
  assert.ok(login);
  const told = login.serverNs + login.clientNs;
  assert.ok(told <= login.totalNs + 1_000_000n, `no time is counted twice: ${told} of ${login.totalNs}`);
  if (separated) assert.ok(told * 100n >= login.totalNs * 95n, `${told} of ${login.totalNs}`);
}

test('the six servers tell the same connections', () => {
  const shapes = SERVERS.map(([name]) => shape(tell(decodeAll(loadStream(name)))));
  for (const s of shapes) assert.deepEqual(s, shapes[0]);
});

function shape(told: Told): string[] {
  return told.connections.map(
    (c) => `${user(c)} ${c.facts.authenticated} ${[...c.facts.authMethods]} ${sessions(c).sort()}`,
  );
}
