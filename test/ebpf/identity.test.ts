/** Who a process is beyond its pid: cgroup, container, namespaces, image, groups; and what it used, by wait4(2). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { containerOf } from '../../agent/span/container.ts';
import { type Producer, type Row, startProducer, textOf, whyNot } from './producer.ts';

const USAGE = fileURLToPath(new URL('./usage.c', import.meta.url));
const CONTAINER = '5d'.repeat(32);
const SCOPE = `cri-containerd-${CONTAINER}.scope`;
const POD_UID = '4b8dbc69-2c4e-4f4a-9f1e-2b1f6d0a7c55';
const POD = `kubepods-besteffort-pod${POD_UID.replaceAll('-', '_')}.slice`;

/** PROC_CGROUP_INIT_INO of include/linux/proc_ns.h. */
const FIRST_NAMESPACE = 'cgroup:[4026531835]';

/** Where the tree of version 2 is mounted and a process of the test may be put; or why not. */
function cgroupRoot(): { readonly path: string } | { readonly missing: string } {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , type]) => type === 'cgroup2');
  const path = mount?.[1];
  if (path === undefined) return { missing: 'no cgroup2 is mounted' };
  // In a namespace of its own the test would see its paths from another root.
  if (readlinkSync('/proc/self/ns/cgroup') !== FIRST_NAMESPACE) return { missing: 'not the first cgroup namespace' };
  try {
    accessSync(path, constants.W_OK);
    const probe = join(path, `sshd-otel-probe-${process.pid}`);
    mkdirSync(probe);
    rmdirSync(probe);
  } catch {
    return { missing: `${path} can't be written` };
  }
  return { path };
}

const ROOT = cgroupRoot();

describe('identity and usage as the libbpf producer tells them', { skip: whyNot() }, () => {
  let lab: Lab;
  let producer: Producer;

  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
    await mkdir(`${lab.insideRoot}/run/lab/bin`);
    execFileSync('cc', ['-O1', '-pthread', '-o', `${lab.insideRoot}/run/lab/bin/usage`, USAGE]);
    producer = await startProducer(['--listener', String(lab.listenerPid), '--scope', 'all']);
  });
  after(async () => {
    await producer?.stop();
    await lab?.stop();
  });

  /** What a command printed, and the rows of its connection. */
  async function session(command: string, user = 'alice'): Promise<{ stdout: string; rows: Row[] }> {
    const from = producer.rows.length;
    const run = await lab.ssh({ command, user });
    assert.equal(run.exitCode, 0, run.stderr);
    const accept = producer.rows.slice(from).find((row) => row.k === 'accept');
    await producer.wait('end', (row) => row.k === 'exit' && row['start'] === accept?.['start']);
    return { stdout: run.stdout, rows: producer.rows.slice(from) };
  }
  const execOf = (rows: readonly Row[], file: RegExp) =>
    rows.find((row) => row.k === 'exec' && file.test(textOf(row['file'])));

  test('the file that was loaded, the mount namespace, and groups only where they differ', async () => {
    const { rows } = await session('/run/lab/bin/usage none 0; true');
    const exec = execOf(rows, /usage$/);
    const { ino, dev } = await stat(`${lab.insideRoot}/run/lab/bin/usage`, { bigint: true });
    assert.equal(exec?.['ino'], String(ino));
    // As glibc packs it: https://sourceware.org/git/?p=glibc.git;f=bits/sysmacros.h
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
    const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
    assert.equal(exec?.['dev'], Number((major << 20n) | minor));
    const inside = readlinkSync(`/proc/${lab.listenerPid}/ns/mnt`);
    assert.equal(`mnt:[${exec?.['mntns']}]`, inside);
    assert.equal(exec?.['gid'], lab.users.alice.uid);
    assert.equal(exec?.['gids'], undefined);
    const python = `import os; os.setresgid(59001, 4, 0); os.execv('/bin/true', ['true'])`;
    const other = (await session(`exec python3 -c "${python}"`, 'root')).rows;
    assert.deepEqual(execOf(other, /true$/)?.['gids'], [59001, 4, 4]);
    assert.deepEqual(other.findLast((row) => row.k === 'exit' && row['role'] === 'program')?.['gids'], [59001, 4, 4]);
  });

  test('CPU time and memory of each command as wait4 has them', async () => {
    const work = ['burn 0.2', 'system 0.2', 'memory 40', 'threads 0.05', 'leaderless 0.05', 'none 0'];
    const { stdout, rows } = await session(`/run/lab/bin/usage ${work.map((one) => `run ${one}`).join(' ')}; true`);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, work.length);
    for (const line of lines) {
      const [pid, what, , user, system, memory] = line.split(' ');
      const exit = rows.find((row) => row.k === 'exit' && row['pid'] === Number(pid));
      assert.ok(exit, line);
      const [userUs, systemUs] = [Number(exit['utime']) / 1e3, Number(exit['stime']) / 1e3];
      const waited = Number(user) + Number(system);
      if (exit['utime'] === undefined) {
        // Only where a thread had not yet left when the last one did.
        assert.match(what ?? '', /threads|leaderless/);
      } else {
        // At the hook a clock tick may not have been counted; wait4 also counts the exit itself.
        assert.ok(userUs + systemUs <= waited + 1, `${line}: told ${userUs} + ${systemUs}`);
        assert.ok(userUs + systemUs >= waited - 15_000, `${line}: told ${userUs} + ${systemUs}`);
        if (what === 'burn') assert.ok(userUs > systemUs, line);
        if (what === 'system') assert.ok(systemUs > userUs, line);
      }
      if (what !== 'memory') continue;
      const told = Number(exit['max_rss']);
      assert.ok(Math.abs(told - Number(memory)) < 2 ** 20 && told > 40 * 2 ** 20, `${line}: told ${told}`);
    }
  });

  test('what a process used before is told at its next exec', async () => {
    const { rows } = await session('exec /run/lab/bin/usage chain 0.1');
    const first = execOf(rows, /usage$/);
    const execs = rows.filter((row) => row.k === 'exec' && row['pid'] === first?.['pid']).slice(-2);
    assert.deepEqual([execs[0], textOf(execs[1]?.['file'])], [first, '/proc/self/exe']);
    const used = (row: Row | undefined) => (Number(row?.['utime']) + Number(row?.['stime'])) / 1e9;
    assert.ok(used(execs[1]) - used(execs[0]) > 0.08, `${used(execs[0])} s, then ${used(execs[1])} s`);
    const exit = rows.find((row) => row.k === 'exit' && row['pid'] === execs[0]?.['pid']);
    assert.ok(used(exit) >= used(execs[1]), `${used(exit)} s at its exit`);
  });

  const skip = 'missing' in ROOT ? ROOT.missing : false;
  test('the path of a cgroup comes before what is in it, once; a server in a container, a process that moves', {
    skip,
  }, async () => {
    const base = join('path' in ROOT ? ROOT.path : '', `sshd-otel-test-${process.pid}`);
    const inside = join(base, 'kubepods.slice', POD, SCOPE);
    mkdirSync(inside, { recursive: true });
    try {
      writeFileSync(join(inside, 'cgroup.procs'), String(lab.listenerPid));
      const elsewhere = join(base, 'session-1.scope');
      mkdirSync(elsewhere);
      const first = await session(`echo $$ > ${elsewhere}/cgroup.procs && exec /bin/true`, 'root');
      const second = await session('exec /bin/true');
      const paths = producer.rows.filter((row) => row.k === 'cgroup');
      const idOf = (end: string) => paths.filter((row) => textOf(row['path']).endsWith(end)).map((row) => row['id']);
      const [containerId, ...again] = idOf(SCOPE);
      assert.deepEqual(again, []);
      assert.equal(idOf('session-1.scope').length, 1);
      for (const { rows } of [first, second]) {
        assert.equal(rows.find((row) => row.k === 'accept')?.['cgroup'], containerId);
      }
      assert.equal(execOf(first.rows, /true$/)?.['cgroup'], idOf('session-1.scope')[0]);
      assert.equal(execOf(second.rows, /true$/)?.['cgroup'], containerId);

      const decoder = new StreamDecoder();
      const events = [...decoder.push(producer.bytes()), ...decoder.end()];
      assert.deepEqual(decoder.errors, []);
      const accepts = events.flatMap((event) => (event.kind === 'accept' ? [containerOf(event.cgroupPath)] : []));
      assert.deepEqual(accepts.slice(-2), Array(2).fill({ id: CONTAINER, podUid: POD_UID }));
      const own = `/sshd-otel-test-${process.pid}`;
      const told = paths.map((row) => textOf(row['path']));
      assert.ok(told.includes(`${own}/kubepods.slice/${POD}/${SCOPE}`), told.join('\n'));
    } finally {
      await emptied(inside, 'path' in ROOT ? ROOT.path : '');
      removeTree(base);
    }
  });

  /** Puts back what is in a cgroup, and waits until what has died in it is gone. */
  async function emptied(folder: string, home: string): Promise<void> {
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      writeFileSync(join(home, 'cgroup.procs'), pid);
    }
    await producer.caughtUp();
  }

  function removeTree(folder: string): void {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    }
    rmdirSync(folder);
  }
});
