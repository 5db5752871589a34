/** The image, built from its Dockerfile, and run as the DaemonSet runs it: a login on the node arrives as a trace. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonSet } from 'kubernetes-types/apps/v1.d.ts';
import { parse } from 'yaml';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { startChild } from '../../agent/source/child-process.ts';
import { renderChart } from '../../deploy/kubernetes/chart.ts';
import { run } from '../../deploy/package/run.ts';
import { joinCgroups } from './cgroups.ts';
import { type ContainerSink, startContainerSink } from './container-sink.ts';
import { buildImage, whyNoImage } from './image.ts';
import { makePod, type Pod, type RunningContainer } from './pod.ts';

const VALUES = { headersSecret: { name: 'otlp' }, config: { exclude: { users: ['nobody-here'] } } };

describe('the container image', { skip: (await whyNoImage()) ?? false }, () => {
  let image: string;
  let daemonset: DaemonSet;
  let lab: Lab;
  let pod: Pod;
  let producer: RunningContainer;
  let agent: RunningContainer;
  let sink: ContainerSink;

  before(async () => {
    image = await buildImage();
    const rendered = await renderChart(VALUES);
    daemonset = parse(rendered.get('daemonset.yaml') ?? '') as DaemonSet;
    const { data } = parse(rendered.get('configmap.yaml') ?? '') as { data: Record<string, string> };
    pod = makePod(image, daemonset, { config: data, headers: { headers: 'Authorization: Bearer from-a-secret\n' } });
    lab = await startLab({ authorizedKeysSeconds: 0 });
  });
  after(async () => {
    await sink?.stop();
    await pod?.remove();
    await lab?.stop();
  });

  const statusOf = (pid: number) =>
    new Map(
      readFileSync(`/proc/${pid}/status`, 'latin1')
        .split('\n')
        .map((line): [string, string] => [line.split(':')[0] ?? '', line.slice(line.indexOf('\t') + 1).trim()]),
    );
  const said = async (container: RunningContainer, text: string) => {
    for (let tries = 0; tries < 150; tries++) {
      if ((await container.logs()).includes(text)) return;
      await sleep(200);
    }
    assert.fail(`never said “${text}”: ${await container.logs()}`);
  };
  const start = async () => {
    agent = await pod.start('agent', {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      HOST_IP: '127.0.0.1',
      NODE_NAME: 'node-a',
    });
    await said(agent, 'waiting for connections');
  };

  /** What the kubelet would get. */
  const probes = async () => {
    const { readinessProbe, livenessProbe } = daemonset.spec?.template.spec?.containers[1] ?? {};
    const ready = await agent.exec(...(readinessProbe?.exec?.command ?? []));
    const live = await agent.exec(...(livenessProbe?.exec?.command ?? []));
    return { ready: ready.code, live: live.code };
  };

  const probedUntil = async (ready: number) => {
    let probed = await probes();
    for (let tries = 0; probed.ready !== ready; tries++) {
      assert.ok(tries < 50, await agent.logs());
      await sleep(500);
      probed = await probes();
    }
    return probed;
  };

  test('is small and has no shell', async (t) => {
    const files = await contentOf(image);
    assert.ok(files.includes('usr/lib/sshd-otel/sshd-otel-producer'));
    const programs = files.filter((name) => /(^|\/)s?bin\/[^/]+$/.test(name));
    assert.deepEqual(programs, []);
    const bytes = Number(await run('podman', ['inspect', '--type', 'image', '--format', '{{.Size}}', image]));
    assert.ok(bytes < 160_000_000, `${bytes} bytes`);
    t.diagnostic(`${bytes} bytes, ${files.length} files`);
  });

  const quick = process.env['SSHD_OTEL_IMAGE'] === 'build' ? false : 'only make verify-image builds it a second time';
  test('is the same when it is built again, from nothing but its base', { skip: quick }, async () => {
    assert.equal(await buildImage({ fresh: true }), image);
  });

  test('the producer starts with two capabilities', async () => {
    producer = await pod.start('producer');
    sink = await startContainerSink({
      startOutside: (command, args) =>
        startChild({
          command: 'nsenter',
          args: [`--net=/proc/${producer.pid}/ns/net`, command, ...args],
          stdin: 'pipe',
        }),
    });
  });

  test('the agent has no right at all, and the producer none that is left', async () => {
    await start();
    assert.deepEqual(await probes(), { ready: 0, live: 0 });
    for (const [pid, uid, bounding] of [
      [producer.pid, '0', 'c000000000'],
      [agent.pid, '65532', '0'],
    ] as const) {
      const status = statusOf(pid);
      assert.equal(status.get('Uid'), [uid, uid, uid, uid].join('\t'));
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status.get(set) ?? '', /^0+$/, set);
      assert.equal(status.get('CapBnd')?.replace(/^0+(?=.)/, ''), bounding);
      assert.equal(status.get('NoNewPrivs'), '1');
      assert.equal(status.get('Seccomp'), '2');
    }
  });

  test('a login on the node arrives as a trace, with the header from the secret', async () => {
    const { exitCode } = await lab.ssh({ user: 'alice', command: '/bin/echo seen-from-the-pod' });
    assert.equal(exitCode, 0);
    const told = await sink.wait(
      'span of echo',
      ({ name, attributes }) => name === 'echo' && JSON.stringify(attributes).includes('seen-from-the-pod'),
    );
    assert.equal(told.authorization, 'Bearer from-a-secret');
    assert.equal(told.span.attributes['user.name'], 'alice');
    await sink.wait(
      'root',
      ({ traceId, name, parentSpanId }) =>
        traceId === told.span.traceId && name === 'ssh.connection' && parentSpanId === undefined,
    );
  });

  test('a server in a container is told with the id that its runtime gave it', async () => {
    const leave = joinCgroups(lab.listenerPid, producer.pid);
    try {
      const { exitCode } = await lab.ssh({ user: 'alice', command: '/bin/echo seen-in-a-container' });
      assert.equal(exitCode, 0);
    } finally {
      leave();
    }
    const { traceId, attributes } = (
      await sink.wait('span of echo', ({ attributes }) => JSON.stringify(attributes).includes('seen-in-a-container'))
    ).span;
    assert.equal(attributes['container.id'], producer.id);
    const root = await sink.wait('root', (span) => span.traceId === traceId && span.name === 'ssh.connection');
    assert.equal(root.span.attributes['container.id'], producer.id);
  });

  test('the agent ends in the time that it is given, and its successor goes on', async () => {
    const grace = daemonset.spec?.template.spec?.terminationGracePeriodSeconds ?? 0;
    assert.equal(await agent.stop(grace), 0);
    await start();
    await lab.ssh({ user: 'alice', command: '/bin/echo seen-again' });
    await sink.wait('span of the second login', ({ attributes }) => JSON.stringify(attributes).includes('seen-again'));
  });

  test('without its producer the agent is live and not ready, and goes on with the next one', async () => {
    const grace = daemonset.spec?.template.spec?.terminationGracePeriodSeconds ?? 0;
    assert.equal(await producer.stop(grace), 0);
    await said(agent, 'the producer closed the connection');
    assert.equal((await probedUntil(6)).live, 0);
    producer = await pod.start('producer');
    assert.equal((await probedUntil(0)).live, 0);
    await lab.ssh({ user: 'alice', command: '/bin/echo seen-by-the-next' });
    await sink.wait('span of the third login', ({ attributes }) =>
      JSON.stringify(attributes).includes('seen-by-the-next'),
    );
    assert.equal(await agent.stop(grace), 0);
  });
});

/** Names of all files in it. */
async function contentOf(image: string): Promise<string[]> {
  const script =
    'c=$(buildah from --pull=never "$1") && m=$(buildah mount "$c") && (cd "$m" && find . ! -type d); buildah rm "$c" >/dev/null';
  const listed = await run('sh', ['-c', script, 'list', image]);
  return listed
    .trim()
    .split('\n')
    .map((name) => name.replace(/^\.\//, ''));
}
