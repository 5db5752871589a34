/**
 * What a logged-in user can make sshd write: frames that look like the monitor's. Each forgery first succeeds against a
 * copy of the script whose test of the socket is switched off, then fails against the real one, in the same session.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import {
  bytesOf,
  endedConnections,
  nextConnection,
  type Observer,
  observe,
  type Row,
  SCRIPT,
  whyNotBpftrace,
} from './bpftrace/observer.ts';

const SWITCH = '$ok = 0; // the socket decides (marked for the forgery test)';
/** What keeps a payload of five bytes from being read as a header. */
const WAITS_FOR_FIVE = 'if ($h == 6 || ($h > 1 && @cap[$ty] != 0))';
/** REQ_PWNAM, 12 bytes of payload: the string `evilroot`. */
const HEADER = Buffer.from([0, 0, 0, 13, 8]);
const PAYLOAD = Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.from('evilroot')]);

/** Payloads of all messages that say what the forger said. */
function forgeries(rows: readonly Row[]): readonly Row[] {
  return rows.filter((row) => row.k === 'bytes' && row.of === 'mon' && bytesOf(row.data).includes('evilroot'));
}

describe('a forged monitor message', { skip: whyNotBpftrace(), timeout: 120_000 }, () => {
  let folder: string;
  let lab: Lab;
  let real: Observer;
  let gullible: Observer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-forgery-'));
    const text = await readFile(SCRIPT, 'utf8');
    assert.equal(text.split(SWITCH).length, 2, 'the line that is switched stands once in the script');
    const script = join(folder, 'gullible.bt');
    await writeFile(script, text.replace(SWITCH, '$ok = 1;'));
    // Both before the listener, which they have to find by themselves.
    gullible = await observe({ script });
    real = await observe();
    lab = await startLab({ authorizedKeysSeconds: 0 });
  });
  after(async () => {
    await lab?.stop();
    await real?.stop();
    await gullible?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The forgery's traces on both streams, in the connections of this listener that ended last. */
  async function assertOnlyBelievedByTheGullible(before: readonly [number, number]): Promise<void> {
    const fooled = await nextConnection(gullible, before[0], lab.port);
    const honest = await nextConnection(real, before[1], lab.port);
    assert.equal(honest.accept.pid, fooled.accept.pid);
    assert.equal(forgeries(fooled.rows).length, 1, 'the forgery would work');
    assert.deepEqual(forgeries(honest.rows), []);
    const types = honest.rows.filter((row) => row.k === 'mon').map((row) => row.type);
    assert.equal(types.filter((type) => type === 8).length, 1, 'the true user name is still there');
    assert.ok(types.includes(26));
  }

  function counts(): readonly [number, number] {
    return [endedConnections(gullible.rows(), lab.port).length, endedConnections(real.rows(), lab.port).length];
  }

  it("through a session's input is not believed", async () => {
    const before = counts();
    const session = await lab.startSsh({ command: 'cat' });
    session.write(HEADER);
    await session.waitFor(HEADER.toString('latin1'));
    session.write(PAYLOAD);
    await session.waitFor('evilroot');
    session.end();
    assert.equal((await session.finished).exitCode, 0);
    await assertOnlyBelievedByTheGullible(before);
  });

  it('through a forwarded unix socket is not believed', async () => {
    const before = counts();
    const near = join(lab.folder, 'a.sock');
    const far = `${lab.users.alice.home}/b.sock`;
    const echo = `socat -u UNIX-LISTEN:${far} STDOUT`;
    const session = await lab.startSsh({
      args: ['-L', `${near}:${far}`],
      command: `${echo} & until [ -S ${far} ]; do sleep 0.01; done; echo up; wait`,
    });
    await session.waitFor('up');
    const forward = connect(near);
    forward.on('error', () => undefined);
    await new Promise((resolve) => forward.once('connect', resolve));
    forward.write(HEADER);
    await session.waitFor(HEADER.toString('latin1'));
    forward.write(PAYLOAD);
    await session.waitFor('evilroot');
    forward.end();
    session.end();
    assert.equal((await session.finished).exitCode, 0);
    await assertOnlyBelievedByTheGullible(before);
  });

  it('by a password of one character is not believed: nobody need be logged in for that', async () => {
    // Its payload is five bytes, as a header is: 00 00 00 01 and the character, here the number of "authenticated".
    const careless = join(folder, 'careless.bt');
    const text = await readFile(SCRIPT, 'utf8');
    assert.equal(text.split(WAITS_FOR_FIVE).length, 2);
    await writeFile(careless, text.replace(WAITS_FOR_FIVE, 'if ($h > 1 && @cap[$ty] != 0)'));
    const fooled = await observe({ script: careless });
    try {
      const before = [endedConnections(fooled.rows(), lab.port).length, counts()[1]] as const;
      assert.notEqual((await lab.ssh({ passwords: ['\x1a'], command: 'true' })).exitCode, 0);
      const typesIn = async (observer: Observer, known: number): Promise<unknown[]> =>
        (await nextConnection(observer, known, lab.port)).rows.filter((row) => row.k === 'mon').map((row) => row.type);
      assert.ok((await typesIn(fooled, before[0])).includes(26), 'the forgery would work');
      assert.ok(!(await typesIn(real, before[1])).includes(26));
    } finally {
      await fooled.stop();
    }
  });

  it('of two listeners at once, each connection keeps its own', async () => {
    const other = await startLab({ authorizedKeysSeconds: 0 });
    try {
      const ports = [lab.port, other.port];
      const known = endedConnections(real.rows(), ...ports).length;
      const runs = await Promise.all([lab, other, lab, other].map((one, n) => one.ssh({ command: `exit ${40 + n}` })));
      assert.deepEqual(
        runs.map((run) => run.exitCode),
        [40, 41, 42, 43],
      );
      await nextConnection(real, known + 3, ...ports);
      const told = endedConnections(real.rows(), ...ports)
        .slice(known)
        .map(({ accept, execs, rows }) => {
          const leader = execs.find(({ argv }) => argv[0] === 'bash');
          const end = rows.find((row) => row.k === 'exit' && row.pid === leader?.row.pid);
          return [accept.local_port, leader?.argv[2], end?.code];
        });
      const expected = [lab, other, lab, other].map((one, n) => [one.port, `exit ${40 + n}`, 40 + n]);
      assert.deepEqual(told.sort(), expected.sort());
    } finally {
      await other.stop();
    }
  });
});
