/**
 * The Debian package on booted systemd: installed, used, upgraded and purged as an operator would. By default on one release
 * and only where a root folder is there already; `make verify-deb` takes all of SSHD_OTEL_SUITES.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, afterEach, before, describe, type TestContext, test } from 'node:test';
import { bootContainer, type Container, whyNoContainer } from './container.ts';
import { type ContainerSink, startContainerSink } from './container-sink.ts';
import {
  buildPackage,
  callsDuring,
  dropIn,
  filesOf,
  kept,
  mainPid,
  makeAlice,
  openFiles,
  PRODUCER_CALLS,
  SSH,
  uname,
  until,
} from './on-systemd.ts';

const SUITES = (process.env['SSHD_OTEL_SUITES'] ?? 'bookworm').split(',');
const PRODUCER = 'sshd-otel-producer.service';
const AGENT = 'sshd-otel.service';

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
      deb = await buildPackage('deb');
      container = await bootContainer(suite);
      sink = await startContainerSink(container);
      await makeAlice(container);
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

    const pidOf = (unit: string) => mainPid(container, unit);
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
    test('installs, runs, and has nothing failed', async (t) => {
      const { code, stdout, stderr } = await container.run('dpkg', '-i', `/root/${basename(deb)}`);
      assert.equal(code, 0, stdout + stderr);
      assert.equal(await container.sh(`systemctl is-active ${AGENT} ${PRODUCER}`), 'active\nactive');
      assert.equal(await container.sh(`systemctl is-enabled ${AGENT} sshd-otel-producer.socket`), 'enabled\nenabled');
      assert.equal((await container.run('systemctl', '--failed', '--plain', '--no-legend')).stdout.trim(), '');
      t.diagnostic(await container.sh(`systemctl --version | head -n 1; ssh -V 2>&1`));
      for (const unit of [AGENT, PRODUCER]) {
        const score = await container.run('sh', '-c', `systemd-analyze security --no-pager ${unit} | tail -n 1`);
        t.diagnostic(score.stdout.trim());
      }
      // Known from systemd 254 on; older ones never get to see it.
      const steps = await container.sh(
        `systemctl show --property=RestartSteps --value ${AGENT} ${PRODUCER} | paste -s -d,`,
      );
      assert.match(steps, /^(6,,6)?$/);
      t.diagnostic(`steps of back-off: ${steps === '' ? 'none' : steps}`);
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
      const { span, authorization } = await sink.wait('uname', uname('first'));
      assert.equal(authorization, 'Bearer a-token');
      const root = await sink.wait('root', (s) => s.traceId === span.traceId && s.parentSpanId === undefined);
      assert.equal(root.span.name, 'ssh.connection');
      assert.equal(span.attributes['ssh.user.name'] ?? span.attributes['user.name'], 'alice');
    });

    test('both run as their own users, with no right left and nothing open that they need not', async (t) => {
      assert.equal(await container.sh('stat -c "%U:%G %a" /run/sshd-otel/producer.sock'), 'root:sshd-otel 660');
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
      const { span: first } = await sink.wait('before', uname('before'));
      const [agent, producer] = [await pidOf(AGENT), await pidOf(PRODUCER)];
      await container.sh(`systemctl restart ${PRODUCER}`);
      assert.equal(await pidOf(AGENT), agent);
      const restarted = await pidOf(PRODUCER);
      assert.notEqual(restarted, producer);
      await container.sh(`systemctl restart ${AGENT}`);
      assert.equal(await pidOf(PRODUCER), restarted);
      assert.notEqual(await pidOf(AGENT), agent);
      await goOn();
      const { span: last } = await sink.wait('after', uname('after'));
      assert.equal(last.attributes['ssh.connection.id'], first.attributes['ssh.connection.id']);
    });

    test('an agent that was killed comes back, and says what it has missed', async (t) => {
      const goOn = openSession('open', 'late');
      const { span: first } = await sink.wait('open', uname('open'));
      process.kill(container.outerPid(await pidOf(AGENT)), 'SIGKILL');
      await login('uname -s missed');
      await untilActive();
      await goOn();
      const { span } = await sink.wait('late', uname('late'));
      assert.equal(span.attributes['ssh.session.id'], first.attributes['ssh.session.id']);
      t.diagnostic(kept(first, span));
      const root = await sink.wait('root', (s) => s.traceId === span.traceId && s.parentSpanId === undefined);
      assert.equal(root.span.attributes['ssh.trace.incomplete'], true);
      assert.equal(sink.arrived.filter((one) => uname('missed')(one.span)).length, 0);
      assert.equal(await container.sh(`systemctl show --property=NRestarts --value ${AGENT}`), '1');
      await container.sh(`systemctl restart ${AGENT}`);
      const [said = ''] = /the producer says that it lost \d+ records/.exec(await journal(AGENT)) ?? [];
      assert.match(said, /[1-9]/);
      t.diagnostic(said);
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
      await sink.wait('again', uname('again'));
    });

    test('an upgrade keeps settings, and an open session its trace', async () => {
      await untilActive();
      const goOn = openSession('old', 'new');
      const { span: first } = await sink.wait('old', uname('old'));
      const agent = await pidOf(AGENT);
      const { code, stdout, stderr } = await container.run('dpkg', '--force-confold', '-i', `/root/${basename(deb)}`);
      assert.equal(code, 0, stdout + stderr);
      assert.notEqual(await pidOf(AGENT), agent);
      assert.equal(await container.sh(`systemctl is-active ${AGENT} ${PRODUCER}`), 'active\nactive');
      await goOn();
      const { span: last } = await sink.wait('new', uname('new'));
      assert.equal(last.attributes['ssh.session.id'], first.attributes['ssh.session.id']);
      assert.equal(last.traceId, first.traceId);
    });

    test('stops, and a purge leaves nothing but two users', async (t: TestContext) => {
      await container.sh(`systemctl stop ${AGENT} sshd-otel-producer.socket ${PRODUCER}`);
      assert.equal((await container.run('systemctl', '--failed', '--plain', '--no-legend')).stdout.trim(), '');
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
