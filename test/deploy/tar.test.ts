import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootContainer, type Container, whyNoContainer } from './container.ts';
import { type ContainerSink, startContainerSink } from './container-sink.ts';
import { buildPackage, dropIn, filesOf, makeAlice, SSH, uname } from './on-systemd.ts';

const SUITE = 'bookworm';
const whyNot = await whyNoContainer(SUITE);

describe('the tar.gz with its install script', { skip: whyNot ?? false }, () => {
  let container: Container;
  let sink: ContainerSink;
  let before_: Set<string>;
  let install: string;
  before(async () => {
    const tar = await buildPackage('tar');
    container = await bootContainer(SUITE);
    sink = await startContainerSink(container);
    await makeAlice(container);
    before_ = new Set(await filesOf(container));
    copyFileSync(tar, join(container.root, 'root', basename(tar)));
    await container.sh(`tar -xzf /root/${basename(tar)} -C /root`);
    install = `/root/${basename(tar, '.tar.gz')}/install.sh`;
  });
  after(async () => {
    await sink?.stop();
    await container?.stop();
  });

  test('installs below /usr/local, and a login arrives', async () => {
    await container.sh(install);
    assert.equal(await container.sh('systemctl is-active sshd-otel.service'), 'active');
    assert.match(await container.sh('sshd-otel --version'), /^sshd-otel \d/);
    const listener = container.outerPid(Number(await container.sh('cat /run/sshd.pid')));
    const start = '/usr/local/lib/sshd-otel/sshd-otel-producer --peer-uid sshd-otel';
    await dropIn(
      container,
      'sshd-otel-producer.service',
      `ExecStart=\nExecStart=${start} --scope all --listener ${listener}`,
    );
    container.write('/etc/sshd-otel/sshd-otel.yaml', `export:\n  endpoint: ${sink.endpoint}\n`);
    // Installing again is an upgrade: it restarts both, and keeps the settings.
    await container.sh(`systemctl daemon-reload && ${install}`);
    await container.run('sh', '-c', `${SSH} 'uname -s first'`);
    await sink.wait('uname', uname('first'));
  });

  test('a purge leaves nothing but two users', async () => {
    await container.sh('rm -r /etc/systemd/system/sshd-otel-producer.service.d');
    await container.sh(`${install} --purge`);
    const left = (await filesOf(container)).filter((path) => !before_.has(path));
    // Folders that any local installation makes.
    assert.deepEqual(
      left.filter((path) => !/^\/usr\/local\/(share\/)?(man|doc)(\/man\d)?$|\/etc\/sub[ug]id-?$/.test(path)),
      [],
    );
  });
});
