/** What the tests on booted systems share. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';
import type { Container } from './container.ts';
import type { ToldSpan } from './container-sink.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the confined producer may do, of which a running one does a part (ebpf/confine.c). */
export const PRODUCER_CALLS =
  /^(read|write|close|epoll_pwait|epoll_wait|epoll_ctl|poll|ppoll|clock_gettime|accept4|getsockopt|sendto|fcntl|brk|munmap|mremap|mmap|madvise|futex|bpf|restart_syscall|rt_sigreturn|getpid)$/;

/** Logs in as a user of the container, by key. */
export const SSH = 'ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR alice@127.0.0.1';

/** Pid, inside, of a service's first process; 0: it does not run. */
export async function mainPid(container: Container, unit: string): Promise<number> {
  return Number(await container.sh(`systemctl show --property=MainPID --value ${unit}`));
}

/** Makes the user, and sees that she gets in. */
export async function makeAlice(container: Container): Promise<void> {
  await container.sh('useradd -m -s /bin/bash alice && ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519');
  await container.sh('install -d -o alice -m 700 ~alice/.ssh');
  await container.sh('install -o alice -m 600 /root/.ssh/id_ed25519.pub ~alice/.ssh/authorized_keys');
  await container.sh(`${SSH} true`);
}

/** A fresh package, little compressed. */
export async function buildPackage(what: 'deb' | 'tar'): Promise<string> {
  const args = [join(ROOT, `deploy/package/${what}.ts`), '--fast', '--out', join(ROOT, '.output/packages/test')];
  const given = process.env[`SSHD_OTEL_${what.toUpperCase()}`];
  if (given !== undefined) return given;
  const { code, stdout, stderr } = await runChild({ command: process.execPath, args }, 300_000);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** Which ids of a session that went on are the same before and behind an interruption. */
export function kept(before: ToldSpan, behind: ToldSpan): string {
  const same = (name: string) => (before.attributes[name] === behind.attributes[name] ? 'kept' : 'not kept');
  return `ids: connection ${same('ssh.connection.id')}, session ${same('ssh.session.id')}, trace ${before.traceId === behind.traceId ? 'kept' : 'new'}`;
}

/** Is it the span of a uname with this argument? */
export function uname(argument: string): (span: ToldSpan) => boolean {
  return ({ attributes }) =>
    attributes['process.executable.name'] === 'uname' && String(attributes['process.command_args']).includes(argument);
}

export async function dropIn(container: Container, unit: string, text: string): Promise<void> {
  await container.sh(`mkdir -p /etc/systemd/system/${unit}.d`);
  container.write(`/etc/systemd/system/${unit}.d/test.conf`, `[Service]\n${text}\n`);
}

/** Everything but what changes by itself. */
export async function filesOf(container: Container): Promise<string[]> {
  const grow = [
    '/proc',
    '/sys',
    '/dev',
    '/tmp',
    '/var/log',
    '/var/lib/dpkg',
    '/var/cache',
    '/run/user',
    '/run/systemd',
    '/root',
  ];
  const skip = grow.map((path) => `-path ${path} -prune`).join(' -o ');
  await container.sh(`find / ${skip} -o -print >/root/files`);
  return readFileSync(join(container.root, 'root/files'), 'utf8')
    .trim()
    .split('\n')
    .filter((path) => !/^\/etc\/(passwd|group|shadow|gshadow)-?$|\/\.pwd\.lock$|^\/var\/lib\/systemd/.test(path));
}

/** Kinds of what a process has open, numbers left out. */
export function openFiles(pid: number): string[] {
  const all = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return [...new Set(all.map((target) => target.replace(/:\[\d+\]$/, '')))].sort();
}

/** Names of the system calls that a process makes while somebody logs in. */
export async function callsDuring(
  container: Container,
  pid: number,
  login: (command: string) => Promise<unknown>,
): Promise<string[]> {
  const outer = String(container.outerPid(pid));
  const strace = runChild({ command: 'timeout', args: ['-s', 'INT', '6', 'strace', '-f', '-c', '-p', outer] }, 20_000);
  await sleep(1000);
  await login('uname -s watched');
  const { stderr } = await strace;
  return [...stderr.matchAll(/^ *[\d.]+ +[\d.]+ .* ([a-z_0-9]+)$/gm)]
    .map(([, name]) => name ?? '')
    .filter((n) => n !== 'total');
}

export async function until(test: () => Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await test())) {
    if (performance.now() > deadlineMs) throw new Error(`${what} within ${withinMs} ms`);
    await sleep(200);
  }
}
