/**
 * The Debian package on booted systemd: installed, used, upgraded and purged as an operator would. By default on one release
 * and only where a root folder is there already; `make verify-deb` takes all of SSHD_OTEL_SUITES.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, afterEach, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';
import { bootContainer, type Container, whyNoContainer } from './container.ts';
import { type ContainerSink, startContainerSink, type ToldSpan } from './container-sink.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SUITES = (process.env['SSHD_OTEL_SUITES'] ?? 'bookworm').split(',');
const PRODUCER = 'sshd-otel-producer.service';
const AGENT = 'sshd-otel.service';
const SSH = 'ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR alice@127.0.0.1';
/** What the confined producer may do, of which a running one does a part (ebpf/confine.c). */
const PRODUCER_CALLS =
  /^(read|write|close|epoll_pwait|epoll_wait|epoll_ctl|poll|ppoll|clock_gettime|accept4|getsockopt|sendto|fcntl|brk|munmap|mremap|mmap|madvise|futex|bpf|restart_syscall|rt_sigreturn|getpid)$/;

for (const suite of SUITES) {
  const whyNot = await whyNoContainer(suite);
  // Whoever asks for a release wants to know, and takes no silence for a yes.
  const skip = process.env['SSHD_OTEL_SUITES'] === undefined ? (whyNot ?? false) : false;
  describe(`the Debian package on ${suite}`, { skip }, () => {
    let container: Container;
    let sink: ContainerSink;
    let deb: string;
    let before_: Set<string>;

    before(async () => {
      assert.equal(whyNot, undefined);
      deb = await buildPackage();
      container = await bootContainer(suite);
      sink = await startContainerSink(container);
      await container.sh('useradd -m -s /bin/bash alice && ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519');
      await container.sh('install -d -o alice -m 700 ~alice/.ssh');
      await container.sh('install -o alice -m 600 /root/.ssh/id_ed25519.pub ~alice/.ssh/authorized_keys');
      await container.sh(`${SSH} true`);
      before_ = new Set(await filesOf(container));
      copyFileSync(deb, join(container.root, 'root', basename(deb)));
    });
    afterEach(async (t) => {
      if (!('passed' in t) || t.passed) return;
      const lines = await container.sh(`journalctl --no-pager --output=short-precise -u 'sshd-otel*' | tail -n 25`);
      t.diagnostic(lines);
    });
    after(async () => {
      await sink?.stop();
      await container?.stop();
    });

    const pidOf = async (unit: string) =>
      Number(await container.sh(`systemctl show --property=MainPID --value ${unit}`));
    const journal = (unit: string) => container.sh(`journalctl --no-pager --output=cat --unit=${unit}`);
    const login = async (command: string) => container.run('sh', '-c', `${SSH} '${command}'`);
    /** A session that runs uname with `first`, and with `last` when it is told to go on. */
    const openSession = (first: string, last: string) => {
      const child = container.start('sh', '-c', `${SSH} 'uname -s ${first}; read go; uname -s ${last}'`);
      return async () => {
        child.stdin?.end('go\n');
        await child.exited;
      };
    };
    const untilActive = () =>
      until(async () => (await container.run('systemctl', 'is-active', AGENT)).code === 0, 30_000, 'the agent');
    const program = (name: string, argument: string) => (span: ToldSpan) =>
      span.attributes['process.executable.name'] === name && String(args(span)).includes(argument);

    test('installs, runs, and has nothing failed', async (t) => {
      const { code, stdout, stderr } = await container.run('dpkg', '-i', `/root/${basename(deb)}`);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(await container.sh(`systemctl is-active ${AGENT} ${PRODUCER}`), 'active\nactive');
      assert.equal(await container.sh(`systemctl is-enabled ${AGENT} sshd-otel-producer.socket`), 'enabled\nenabled');
      assert.equal((await container.run('systemctl', '--failed', '--quiet')).stdout.trim(), '');
      t.diagnostic(await container.sh(`systemctl --version | head -n 1; ssh -V 2>&1`));
      for (const unit of [AGENT, PRODUCER]) {
        const score = await container.run('sh', '-c', `systemd-analyze security --no-pager ${unit} | tail -n 1`);
        t.diagnostic(score.stdout.trim());
      }
      const verify = await container.run('systemd-analyze', 'verify', '--man=no', AGENT, PRODUCER);
      assert.doesNotMatch(verify.stdout + verify.stderr, /sshd-otel/);
    });

    test('one line of configuration and a token bring a login to the collector', async () => {
      // Of this machine's kernel everything is seen; a container's sshd is named, and counts as not the host's.
      const listener = container.outerPid(Number(await container.sh('cat /run/sshd.pid')));
      const start = `/usr/lib/sshd-otel/sshd-otel-producer --peer-uid sshd-otel --scope all --listener ${listener}`;
      await dropIn(container, PRODUCER, `ExecStart=\nExecStart=${start}\nWatchdogSec=5s`);
      await dropIn(container, AGENT, 'WatchdogSec=6s');
      container.write('/etc/sshd-otel/sshd-otel.yaml', `export:\n  endpoint: ${sink.endpoint}\n`);
      container.write('/etc/sshd-otel/headers', 'Authorization: Bearer a-token\n', 0o600);
      await container.sh(`systemctl daemon-reload && systemctl restart ${PRODUCER} ${AGENT}`);

      assert.equal((await login('uname -s first; exit 3')).code, 3);
      const { span: uname, authorization } = await sink.wait('uname', program('uname', 'first'));
      assert.equal(authorization, 'Bearer a-token');
      const root = await sink.wait('root', (s) => s.traceId === uname.traceId && s.parentSpanId === undefined);
      assert.equal(root.span.name, 'ssh.connection');
      assert.equal(uname.attributes['ssh.user.name'] ?? uname.attributes['user.name'], 'alice');
    });

    test('both run as their own users, with no right left and nothing open that they need not', async (t) => {
      for (const [unit, user] of [
        [PRODUCER, 'sshd-otel-ebpf'],
        [AGENT, 'sshd-otel'],
      ] as const) {
        const pid = container.outerPid(await pidOf(unit));
        const status = readFileSync(`/proc/${pid}/status`, 'latin1');
        const uid = await container.sh(`id -u ${user}`);
        assert.match(status, new RegExp(`^Uid:\t${uid}\t${uid}\t${uid}\t${uid}$`, 'm'));
        for (const name of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
          assert.match(status, new RegExp(`^${name}:\t0+$`, 'm'));
        assert.match(status, /^NoNewPrivs:\t1$/m);
        assert.match(status, /^Seccomp:\t2$/m);
        const kinds = openFiles(pid);
        t.diagnostic(`${unit}: open: ${kinds.join(' ')}`);
        assert.deepEqual(
          kinds.filter((kind) => !/^(socket|pipe|anon_inode:.*|\/dev\/null|\/var\/lib\/sshd-otel\/.*)$/.test(kind)),
          [],
        );
        t.diagnostic(`${unit}: ${status.match(/^VmRSS:.*$/m)?.[0].replace(/\s+/g, ' ')}`);
      }
    });

    test('the system calls of both while a login is traced', async (t) => {
      const calls = await Promise.all(
        [PRODUCER, AGENT].map(async (unit) => callsDuring(container, await pidOf(unit), login)),
      );
      const [producer = [], agent = []] = calls;
      t.diagnostic(`producer: ${producer.join(' ')}`);
      t.diagnostic(`agent: ${agent.join(' ')}`);
      assert.ok(producer.length > 0 && agent.length > 0);
      assert.deepEqual(
        producer.filter((call) => !PRODUCER_CALLS.test(call)),
        [],
      );
      for (const call of ['ptrace', 'bpf', 'setuid', 'mount']) assert.ok(!agent.includes(call), call);
    });

    test('either can be restarted alone; a session that is open goes on under its connection', async () => {
      const goOn = openSession('before', 'after');
      const { span: first } = await sink.wait('before', program('uname', 'before'));
      const [agent, producer] = [await pidOf(AGENT), await pidOf(PRODUCER)];
      await container.sh(`systemctl restart ${PRODUCER}`);
      assert.equal(await pidOf(AGENT), agent);
      const restarted = await pidOf(PRODUCER);
      assert.notEqual(restarted, producer);
      await container.sh(`systemctl restart ${AGENT}`);
      assert.equal(await pidOf(PRODUCER), restarted);
      assert.notEqual(await pidOf(AGENT), agent);
      await goOn();
      const { span: last } = await sink.wait('after', program('uname', 'after'));
      assert.equal(last.attributes['ssh.connection.id'], first.attributes['ssh.connection.id']);
    });

    test('an agent that was killed comes back, and says what it has missed', async (t) => {
      const goOn = openSession('open', 'late');
      const { span: first } = await sink.wait('open', program('uname', 'open'));
      process.kill(container.outerPid(await pidOf(AGENT)), 'SIGKILL');
      await login('uname -s missed');
      await untilActive();
      await goOn();
      const { span } = await sink.wait('late', program('uname', 'late'));
      t.diagnostic(kept(first, span));
      const root = await sink.wait('root', (s) => s.traceId === span.traceId && s.parentSpanId === undefined);
      assert.equal(root.span.attributes['ssh.trace.incomplete'], true);
      assert.equal(sink.arrived.filter((one) => program('uname', 'missed')(one.span)).length, 0);
      assert.equal(await container.sh(`systemctl show --property=NRestarts --value ${AGENT}`), '1');
    });

    test('the watchdog ends what no longer gets on, each alone', async () => {
      await untilActive();
      const [agent, producer] = [await pidOf(AGENT), await pidOf(PRODUCER)];
      process.kill(container.outerPid(agent), 'SIGSTOP');
      await until(async () => ![0, agent].includes(await pidOf(AGENT)), 30_000, 'another agent');
      assert.match(await journal(AGENT), /Watchdog timeout/i);
      assert.equal(await pidOf(PRODUCER), producer);
      await untilActive();
      const second = await pidOf(AGENT);
      process.kill(container.outerPid(producer), 'SIGSTOP');
      await until(async () => ![0, producer].includes(await pidOf(PRODUCER)), 30_000, 'another producer');
      assert.equal(await pidOf(AGENT), second);
      await login('uname -s again');
      await sink.wait('again', program('uname', 'again'));
    });

    test('an upgrade keeps settings, and an open session its connection', async (t) => {
      await untilActive();
      const goOn = openSession('old', 'new');
      const { span: first } = await sink.wait('old', program('uname', 'old'));
      const agent = await pidOf(AGENT);
      const { code, stdout, stderr } = await container.run('dpkg', '--force-confold', '-i', `/root/${basename(deb)}`);
      assert.equal(code, 0, stdout + stderr);
      assert.notEqual(await pidOf(AGENT), agent);
      assert.equal(await container.sh(`systemctl is-active ${AGENT} ${PRODUCER}`), 'active\nactive');
      await goOn();
      const { span: last } = await sink.wait('new', program('uname', 'new'));
      assert.equal(last.attributes['ssh.connection.id'], first.attributes['ssh.connection.id']);
      t.diagnostic(kept(first, last));
    });

    test('stops, and a purge leaves nothing but two users', async (t: TestContext) => {
      await container.sh(`systemctl stop ${AGENT} sshd-otel-producer.socket ${PRODUCER}`);
      assert.equal((await container.run('systemctl', '--failed', '--quiet')).stdout.trim(), '');
      await container.sh(`systemctl start ${AGENT}`);
      await container.sh(
        'rm -r /etc/systemd/system/sshd-otel.service.d /etc/systemd/system/sshd-otel-producer.service.d',
      );
      await container.sh('dpkg -r sshd-otel');
      assert.match(await container.sh('ls /etc/sshd-otel /var/lib/sshd-otel'), /sshd-otel\.yaml[\s\S]*host\.key/);
      assert.equal((await container.run('pgrep', '-f', '/usr/lib/sshd-otel')).stdout, '');
      await container.sh('dpkg -P sshd-otel');
      const left = (await filesOf(container)).filter((path) => !before_.has(path));
      assert.deepEqual(left, []);
      t.diagnostic(
        `kept users: ${await container.sh('getent passwd sshd-otel sshd-otel-ebpf | cut -d: -f1 | paste -s')}`,
      );
      assert.equal((await login('true')).code, 0);
    });
  });
}

/** A fresh package, little compressed. */
async function buildPackage(): Promise<string> {
  const args = [join(ROOT, 'deploy/package/deb.ts'), '--fast', '--out', join(ROOT, '.output/packages/test')];
  const given = process.env['SSHD_OTEL_DEB'];
  if (given !== undefined) return given;
  const { code, stdout, stderr } = await runChild({ command: process.execPath, args }, 300_000);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** Which ids of a session that went on are the same before and behind an interruption. */
function kept(before: ToldSpan, behind: ToldSpan): string {
  const same = (name: string) => (before.attributes[name] === behind.attributes[name] ? 'kept' : 'not kept');
  return `ids: connection ${same('ssh.connection.id')}, session ${same('ssh.session.id')}, trace ${before.traceId === behind.traceId ? 'kept' : 'new'}`;
}

function args(span: ToldSpan): unknown {
  return span.attributes['process.command_args'];
}

async function dropIn(container: Container, unit: string, text: string): Promise<void> {
  await container.sh(`mkdir -p /etc/systemd/system/${unit}.d`);
  container.write(`/etc/systemd/system/${unit}.d/test.conf`, `[Service]\n${text}\n`);
}

/** Everything but what changes by itself. */
async function filesOf(container: Container): Promise<string[]> {
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
function openFiles(pid: number): string[] {
  const all = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return [...new Set(all.map((target) => target.replace(/:\[\d+\]$/, '')))].sort();
}

/** Names of the system calls that a process makes while somebody logs in. */
async function callsDuring(
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

async function until(test: () => Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await test())) {
    if (performance.now() > deadlineMs) throw new Error(`${what} within ${withinMs} ms`);
    await sleep(200);
  }
}
