import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { runChild } from '../../agent/source/child-process.ts';
import { launch, PROGRAM, type Producer, startProducer, textOf, whyNot } from './producer.ts';

/** Arguments of setpriv: nobody, with these capabilities and no others. */
const nobodyWith = (...capabilities: string[]): string[] => {
  const list = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    `--inh-caps=${list}`,
    `--ambient-caps=${list}`,
    `--bounding-set=${list}`,
    PROGRAM,
  ];
};

function status(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'latin1').split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

describe('rights of the libbpf producer', { skip: whyNot() }, () => {
  let lab: Lab;
  const producers: Producer[] = [];
  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
  });
  after(async () => {
    for (const producer of producers) await producer.stop();
    await lab?.stop();
  });

  async function assertWorks(producer: Producer): Promise<void> {
    const run = await lab.ssh({ command: 'exit 6' });
    assert.equal(run.exitCode, 6);
    await producer.wait('exit code', (row) => row.k === 'exit' && row['code'] === 6);
    assert.ok(producer.rows.some((row) => row.k === 'mon' && row['type'] === 26));
    // A sweep follows within two seconds of a login: it needs bpf(2), without any capability.
    await producer.caughtUp();
    await producer.caughtUp();
    await producer.caughtUp();
    assert.ok((await producer.stop()).code === 0, producer.stderr());
  }

  function assertBare(pid: number): void {
    const now = status(pid);
    assert.equal(now.get('Uid'), '65534\t65534\t65534\t65534');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(now.get(set) ?? '', /^0+$/, set);
    assert.equal(now.get('NoNewPrivs'), '1');
    assert.equal(now.get('Seccomp'), '2');
    assert.equal(now.get('Groups'), '');
  }

  test('started as root it becomes nobody, without capabilities, confined, and goes on', async () => {
    const producer = await startProducer(['--listener', String(lab.listenerPid)]);
    producers.push(producer);
    assertBare(producer.pid);
    await assertWorks(producer);
  });

  test('CAP_BPF and CAP_PERFMON are enough, for any uid and in exact mode too', async () => {
    for (const mode of [[], ['--exact']]) {
      const producer = launch('setpriv', [
        ...nobodyWith('bpf', 'perfmon'),
        '--listener',
        String(lab.listenerPid),
        ...mode,
      ]);
      producers.push(producer);
      await producer.wait('seed-end', (row) => row.k === 'seed-end');
      assertBare(producer.pid);
      assert.ok(producer.rows.some((row) => row.k === 'seed' && textOf(row['title']).includes('[listener]')));
      await assertWorks(producer);
    }
  });

  test('what it does not need ends it at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sshd-otel-confined-'));
    try {
      const program = join(folder, 'confined');
      execFileSync('cc', ['-D_GNU_SOURCE', '-o', program, fileURLToPath(new URL('./confined.c', import.meta.url))]);
      for (const call of ['open', 'socket', 'execve', 'fork', 'executable memory', 'load a program', 'ptrace']) {
        assert.equal((await runChild({ command: program, args: [call] }, 10_000)).signal, 'SIGSYS', call);
      }
      assert.equal((await runChild({ command: program, args: ['what it needs'] }, 10_000)).code, 7);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  for (const [what, command, args, code, says] of [
    ['CAP_BPF is missing', 'setpriv', nobodyWith('perfmon'), 4, /CAP_BPF is missing/],
    ['CAP_PERFMON is missing', 'setpriv', nobodyWith('bpf'), 4, /CAP_PERFMON is missing/],
    ['the capabilities hold only in a user namespace', 'unshare', ['-r', PROGRAM], 4, /only in a user namespace/],
    ['an option is unknown', PROGRAM, ['--frobnicate'], 2, /frobnicate/],
    ['a value is wrong', PROGRAM, ['--ring-size', '100000'], 2, /--ring-size: bad value '100000'/],
    ['an argument is left over', PROGRAM, ['x'], 2, /unexpected argument 'x'/],
    ['the socket path is taken by a file', PROGRAM, ['--socket', '/etc/hostname'], 9, /something else of that name/],
    ['the socket path has no folder', PROGRAM, ['--socket', '/nowhere/at/all'], 9, /No such file/],
  ] as const) {
    test(`${what}: one line, exit status ${code}`, async () => {
      const run = await runChild({ command, args }, 10_000);
      assert.match(run.stderr, says);
      assert.equal(run.code, code, run.stderr);
      assert.equal(run.stderr.trimEnd().split('\n').length, 1, run.stderr);
    });
  }
});
