import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inhabitants } from '../../../agent/lab/inhabitants.ts';
import { startLab } from '../../../agent/lab/lab.ts';
import { runChild, startChild } from '../../../agent/source/child-process.ts';
import { parseTranscript } from '../witness/client-transcript.ts';
import { parseServerLog } from '../witness/server-log.ts';
import { parseStrace } from '../witness/strace.ts';

const skip = process.getuid?.() === 0 ? false : 'a private sshd needs root';

/** Files of the host that a login or its tools would write. */
const HOST_FILES = ['/etc/passwd', '/etc/shadow', '/etc/group', '/var/log/wtmp', '/var/log/btmp', '/var/log/lastlog'];

async function hostState(): Promise<unknown> {
  const files = HOST_FILES.map(async (path) => [
    path,
    await stat(path).then((s) => [s.ino, s.size, s.mtimeMs], String),
  ]);
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.startsWith('lab '));
  return { mounts, files: await Promise.all(files) };
}

describe('the laboratory', { skip, timeout: 120_000 }, () => {
  it('lets real clients in, and its three witnesses agree on what happened', async () => {
    const lab = await startLab({ strace: true });
    try {
      const keys = [lab.keys.oldLaptop, lab.keys.good];
      const run = await lab.ssh({ keys, command: `printf %s "a  b"; exit 3` });
      await lab.settled();
      assert.equal(run.exitCode, 3);
      assert.equal(run.stdout, 'a  b');

      const transcript = parseTranscript(run.stderr);
      assert.deepEqual(
        transcript.attempts.map((attempt) => [attempt.fingerprint, attempt.result]),
        [
          [lab.keys.oldLaptop.fingerprint, 'rejected'],
          [lab.keys.good.fingerprint, 'accepted'],
        ],
      );
      const [connection, ...others] = parseServerLog(lab.log());
      assert.deepEqual(others, []);
      assert.equal(connection?.user, 'alice');
      const failed = connection?.attempts.find((attempt) => attempt.result === 'failed');
      assert.equal(failed?.fingerprint, lab.keys.oldLaptop.fingerprint);

      const facts = parseStrace(await lab.straceOutput());
      const leader = facts.find((fact) => fact.kind === 'exec' && fact.argv[0] === 'bash');
      assert.deepEqual(leader?.kind === 'exec' && leader.argv, ['bash', '-c', 'printf %s "a  b"; exit 3']);
      const end = facts.find((fact) => fact.kind === 'end' && fact.pid === leader?.pid);
      assert.equal(end?.kind === 'end' && end.code, 3);
      const monitorEnd = facts.find((fact) => fact.kind === 'end' && fact.pid === connection?.monitorPid);
      assert.ok(monitorEnd, 'the monitor that the log names is a process that strace saw end');
    } finally {
      await lab.stop();
    }
  });

  it('leaves no process, file or mount behind', async () => {
    const before = await hostState();
    const lab = await startLab();
    const password = lab.users.bob.password ?? '';
    const run = await lab.ssh({
      user: 'bob',
      passwords: ['wrong', password],
      pty: true,
      stdin: 'touch /tmp/x\nexit 4\n',
    });
    assert.equal(run.exitCode, 4);
    await lab.stop();
    assert.deepEqual(await hostState(), before);
    assert.equal(existsSync(lab.folder), false);
    assert.equal(existsSync(`/proc/${lab.listenerPid}`), false);
  });

  it('is gone soon after whoever held it was killed, with all that left its sessions', async () => {
    const script = fileURLToPath(new URL('holder.ts', import.meta.url));
    const holder = startChild({ command: process.execPath, args: [script] });
    let told = '';
    for await (const chunk of holder.stdout ?? []) {
      told += String(chunk);
      if (told.includes('\n')) break;
    }
    const { keeperPid, listenerPid, folder } = JSON.parse(told);
    const lived = await inhabitants(keeperPid);
    assert.ok(lived.includes(listenerPid) && lived.length >= 4, `there lived ${lived}`);
    await holder.stop('SIGKILL');
    await runChild({ command: 'tail', args: [`--pid=${keeperPid}`, '-f', '/dev/null'] }, 20_000);
    assert.deepEqual(
      lived.filter((pid) => existsSync(`/proc/${pid}`)),
      [],
    );
    assert.equal(existsSync(folder), false);
  });

  it('says why when sshd does not start', async () => {
    await assert.rejects(startLab({ config: { Nonsense: 'yes' } }), /Bad configuration option: Nonsense/);
    await assert.rejects(startLab({ sshd: '/no/such/sshd' }), /\/no\/such\/sshd/);
  });
});
