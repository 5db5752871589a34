import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootContainer, type Container, whyNoContainer } from './container.ts';
import { buildPackage, makeAlice, SSH } from './on-systemd.ts';

const SUITE = 'bookworm';
const whyNot = await whyNoContainer(SUITE);

describe('the order of boot and shutdown', { skip: whyNot ?? false }, () => {
  let container: Container;
  before(async () => {
    const deb = await buildPackage('deb');
    container = await bootContainer(SUITE);
    await makeAlice(container);
    copyFileSync(deb, join(container.root, 'root/sshd-otel.deb'));
    // The journal of a boot has to outlive it.
    await container.sh('mkdir -p /var/log/journal && journalctl --flush && dpkg -i /root/sshd-otel.deb');
    // In these containers systemd cannot signal all processes of a unit at once, so sessions end by the time-out.
    await container.sh('mkdir -p /etc/systemd/system.conf.d');
    container.write('/etc/systemd/system.conf.d/test.conf', '[Manager]\nDefaultTimeoutStopSec=3s\n');
    await container.sh('systemctl daemon-reload');
    const session = container.start('sh', '-c', `${SSH} 'echo in; sleep 600'`);
    await new Promise((resolve) => session.stdout?.once('data', resolve));
    await container.reboot();
  });
  after(() => container?.stop());

  /** Where in the journal of a boot the first such line stands. */
  const place = async (boot: number, line: RegExp): Promise<number> => {
    const text = await container.sh(`journalctl --no-pager --output=cat --boot=${boot} _PID=1`);
    const at = text.split('\n').findIndex((each) => line.test(each));
    assert.ok(at >= 0, `${line} in\n${text.split('\n').slice(-60).join('\n')}`);
    return at;
  };

  test('the agent is ready before sshd starts and anybody may log in', async () => {
    const ready = await place(0, /^Started sshd-otel\.service/);
    assert.ok(ready < (await place(0, /^Starting ssh\.service/)));
    assert.ok(ready < (await place(0, /^Starting systemd-user-sessions\.service/)));
  });

  test('it is stopped behind sshd and behind the last session, and the producer behind it', async () => {
    const stopping = await place(-1, /^Stopping sshd-otel\.service/);
    assert.ok((await place(-1, /^Stopped ssh\.service/)) < stopping);
    assert.ok(
      (await place(-1, /^(Stopped|session-.*Deactivated).*[Ss]ession.*alice|^session-\d+\.scope: Deactivated/)) <
        stopping,
    );
    assert.ok(
      (await place(-1, /^Stopped sshd-otel\.service/)) < (await place(-1, /^Stopping sshd-otel-producer\.service/)),
    );
  });
});
