/**
 * Somebody who has read only the README: its words, typed on a Debian that was made for this, and a login that is a trace in
 * the collector some seconds later. `make verify-deb` runs it.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../../deploy/package/bundle.ts';
import { makeCertificates } from './certificates.ts';
import { bootContainer, type Container, whyNoContainer } from './container.ts';
import { type ContainerSink, startContainerSink } from './container-sink.ts';
import { buildPackage, dropIn, makeAlice, SSH, uname } from './on-systemd.ts';

const SUITES = process.env['SSHD_OTEL_SUITES']?.split(',') ?? [];
const BUILD = 'make deb && ';
const LIMIT_S = 300;

/** The commands of the section, without what is said beside them. */
function commands(): string[] {
  const section = readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n## On a host\n')[1] ?? '';
  const block = section.split('```')[1] ?? '';
  return block
    .trim()
    .split('\n')
    .map((line) => line.replace(/ {2,}#.*$/, '').trim());
}

test('the README says in four commands how to install it and to name a collector', () => {
  const [install = '', configure = '', ...others] = commands();
  assert.match(install, /^make deb && apt install \.\/\.output\/packages\/sshd-otel_\*\.deb$/);
  assert.match(configure, /http:\/\/127\.0\.0\.1:4318.*>> \/etc\/sshd-otel\/sshd-otel\.yaml$/);
  assert.deepEqual(others, ['systemctl restart sshd-otel', 'sshd-otel doctor']);
});

for (const suite of SUITES.length > 0 ? SUITES : ['bookworm']) {
  const skip = SUITES.length > 0 ? false : 'only make verify-deb boots a Debian for it';
  describe(`the words of the README on a fresh Debian ${suite}`, { skip }, () => {
    let container: Container;
    let sink: ContainerSink;

    before(async () => {
      assert.equal(await whyNoContainer(suite), undefined);
      container = await bootContainer(suite);
      sink = await startContainerSink({
        startOutside: (command, args) => container.startOutside(command, [...args, '127.0.0.1', '4318']),
      });
      await makeAlice(container);
    });
    after(async () => {
      await sink?.stop();
      await container?.stop();
    });

    test(`bring a login into the collector at 127.0.0.1:4318 in less than ${LIMIT_S} s`, async (t) => {
      // The one thing that a container is not: it has process numbers of its own, so its sshd is not the host's.
      const listener = container.outerPid(Number(await container.sh('cat /run/sshd.pid')));
      const start = `/usr/lib/sshd-otel/sshd-otel-producer --peer-uid sshd-otel --scope all --listener ${listener}`;
      await dropIn(container, 'sshd-otel-producer.service', `ExecStart=\nExecStart=${start}`);
      const begin = performance.now();
      const deb = await buildPackage('deb');
      await container.sh('mkdir -p /root/clone/.output/packages');
      copyFileSync(deb, join(container.root, 'root/clone/.output/packages', basename(deb)));
      for (const command of commands()) {
        const typed = command.replace(BUILD, '');
        const start = performance.now();
        const { code, stdout, stderr } = await container.run(
          ...['sh', '-c', `cd /root/clone && ${typed.replace(/^apt install /, 'apt install --yes ')}`],
        );
        t.diagnostic(`${typed}: ${Math.round((performance.now() - start) / 1000)} s`);
        assert.equal(code, 0, stdout + stderr);
      }
      const { code } = await container.run('sh', '-c', `${SSH} 'uname -s only-the-readme; true'`);
      assert.equal(code, 0);
      const { span } = await sink.wait('uname', uname('only-the-readme'));
      await sink.wait('root', (each) => each.traceId === span.traceId && each.parentSpanId === undefined);
      const seconds = Math.round((performance.now() - begin) / 1000);
      t.diagnostic(`from nothing to a trace: ${seconds} s`);
      assert.ok(seconds < LIMIT_S, `${seconds} s`);
    });

    test('the example for client certificates does what it says', async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-certificates-'));
      t.after(() => rmSync(folder, { recursive: true }));
      await makeCertificates(folder);
      const asking = await startContainerSink({
        startOutside: (command, args) => container.startOutside(command, [...args, '127.0.0.1', '4319', folder]),
      });
      t.after(() => asking.stop());
      for (const name of ['ca.pem', 'client.pem', 'client.key'])
        container.write(`/etc/sshd-otel/${name}`, readFileSync(join(folder, name), 'utf8'), 0o600);
      container.write('/etc/sshd-otel/sshd-otel.yaml', `export: { endpoint: "${asking.endpoint}" }\n`);
      const examples = '/usr/share/doc/sshd-otel/examples';
      await container.sh('mkdir -p /etc/systemd/system/sshd-otel.service.d');
      await container.sh(`cp ${examples}/client-certificate.conf /etc/systemd/system/sshd-otel.service.d/`);
      await container.sh('systemctl daemon-reload && systemctl restart sshd-otel');
      await container.run('sh', '-c', `${SSH} 'uname -s with-a-certificate; true'`);
      await asking.wait('uname', uname('with-a-certificate'));
    });
  });
}
