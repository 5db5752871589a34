/** The chart on a real cluster of one node: taken by the API server, rolled out by the kubelet, and a login on the node is a trace. */
import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../../agent/lab/lab.ts';
import { renderManifest } from '../../../deploy/kubernetes/chart.ts';
import { type ContainerSink, startContainerSink } from '../container-sink.ts';
import { buildImage, whyNoImage } from '../image.ts';
import { type Cluster, startCluster, whyNoCluster } from './cluster.ts';
import { type Images, imageArchive, REPOSITORY, TAG } from './images.ts';
import { type Pod, processOf, SSHD_POD } from './pods.ts';
import { NODE_IP, NODE_NAME } from './settings.ts';

const NAMESPACE = 'sshd-otel';
const VALUES = {
  image: { repository: REPOSITORY, tag: TAG },
  headersSecret: { name: 'otlp' },
  agent: { readinessProbe: { periodSeconds: 2, timeoutSeconds: 10 } },
};
const ROLLOUT = ['-n', NAMESPACE, 'rollout', 'status', 'daemonset/sshd-otel', '--timeout=120s'];
/** A minute and a half, and an API server: not for each commit. */
const SKIP =
  process.env['SSHD_OTEL_CLUSTER'] === 'run'
    ? (whyNoCluster() ?? (await whyNoImage()) ?? false)
    : 'only make verify-kubernetes starts a cluster';

describe('a Kubernetes cluster of one node', { skip: SKIP }, () => {
  let images: Images;
  let cluster: Cluster;
  let lab: Lab;
  let sink: ContainerSink;
  let pod: Pod;
  let door: Pod;
  let stateFolder: string;

  before(async () => {
    stateFolder = mkdtempSync(join(tmpdir(), 'sshd-otel-node-state-'));
    chownSync(stateFolder, 65_532, 65_532);
    images = await imageArchive(await buildImage());
    lab = await startLab({ authorizedKeysSeconds: 0 });
    cluster = await startCluster(images.archive);
    sink = await startContainerSink({
      startOutside: (command, args) => cluster.startOnNode(command, [...args, NODE_IP, '4318']),
    });
  });
  after(async () => {
    await cluster?.stop();
    await sink?.stop();
    await lab?.stop();
    rmSync(stateFolder, { recursive: true, force: true });
    if (images !== undefined) rmSync(images.folder, { recursive: true, force: true });
  });

  const onlyPod = async (): Promise<Pod> => {
    const args = ['-n', NAMESPACE, 'get', 'pods', '--field-selector=status.phase=Running', '-o', 'json'];
    const { items } = JSON.parse(await cluster.must(args)) as {
      items: (Pod & { metadata: { deletionTimestamp?: string } })[];
    };
    const [found, ...others] = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    assert.ok(found !== undefined && others.length === 0, `${items.length} pods`);
    return found;
  };
  const seenLogin = async (word: string) => {
    const { exitCode } = await lab.ssh({ user: 'alice', command: `/bin/echo ${word}` });
    assert.equal(exitCode, 0);
    return sink.wait(
      `span of ${word}`,
      ({ name, attributes }) => name === 'echo' && JSON.stringify(attributes).includes(word),
    );
  };

  const loginInPod = async (word: string) => {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5', 'BatchMode=yes'];
    const child = cluster.startOnNode('ssh', [
      ...['-F', '/dev/null', '-i', images.key, ...options.flatMap((option) => ['-o', option])],
      ...[`root@${door.status.podIP}`, `uname -s ${word}; true`],
    ]);
    assert.equal((await child.exited).code, 0, child.stderrTail());
  };

  test('runs Kubernetes as it is', (t) => {
    for (const line of cluster.versions) t.diagnostic(line);
    assert.match(cluster.versions[0] ?? '', /kubelet v1\./);
  });

  test('its API server takes the plain manifest as it is shipped, and none with a mistake', async () => {
    await cluster.must(['create', 'namespace', NAMESPACE]);
    await cluster.must(['taint', 'node', NODE_NAME, 'dedicated=others:NoSchedule']);
    const manifest = await renderManifest();
    await cluster.must(['apply', '--dry-run=server'], manifest);
    for (const [right, wrong, said] of [
      ['hostPID: true', 'hostPid: true', /unknown field "hostPid"/],
      [
        'terminationGracePeriodSeconds: 30',
        'terminationGracePeriodSeconds: soon',
        /invalid type for .*terminationGracePeriodSeconds/,
      ],
      ['memory: 512Mi', 'memory: 512Mb', /quantities must match/],
      ['mountPath: /etc/sshd-otel', 'mountPath: /var/lib/sshd-otel', /must be unique/],
      ['- name: state\n          emptyDir', '- name: other\n          emptyDir', /volumeMounts.*Not found: "state"/],
    ] as const) {
      assert.ok(manifest.includes(right), right);
      const { code, stderr } = await cluster.kubectl(['apply', '--dry-run=server'], manifest.replace(right, wrong));
      assert.notEqual(code, 0, wrong);
      assert.match(stderr, said);
    }
  });

  test('the DaemonSet is rolled out on a node that is tainted, with its exact rights', async (t) => {
    const headers = 'Authorization: Bearer from-a-secret\n';
    await cluster.must(['-n', NAMESPACE, 'create', 'secret', 'generic', 'otlp', `--from-literal=headers=${headers}`]);
    await cluster.must(['apply'], await renderManifest(VALUES));
    const start = performance.now();
    const { code, stderr } = await cluster.kubectl(ROLLOUT);
    assert.equal(code, 0, `${stderr}${await describePods()}`);
    t.diagnostic(`rolled out in ${Math.round((performance.now() - start) / 1000)} s`);
    pod = await onlyPod();
    assert.equal(pod.status.hostIP, NODE_IP);
    for (const [mark, uid, bounding] of [
      ['/usr/lib/sshd-otel/sshd-otel-producer', '0', 'c000000000'],
      ['--unprivileged', '65532', '0'],
    ] as const) {
      const folder = processOf(mark, pod.metadata.uid);
      const status = readFileSync(`${folder}/status`, 'latin1');
      const value = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
      assert.equal(value('Uid'), [uid, uid, uid, uid].join('\t'));
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(value(set) ?? '', /^0+$/, set);
      assert.equal(value('CapBnd')?.replace(/^0+(?=.)/, ''), bounding);
      assert.deepEqual([value('NoNewPrivs'), value('Seccomp')], ['1', '2']);
      const limit = /:memory:(.*)/.exec(readFileSync(`${folder}/cgroup`, 'latin1'))?.[1] ?? '';
      const bytes = readFileSync(join('/sys/fs/cgroup/memory', limit, 'memory.limit_in_bytes'), 'latin1');
      assert.equal(bytes.trim(), String(512 * 1024 * 1024), 'the limit that the manifest names');
      const mounts = readFileSync(`${folder}/mountinfo`, 'utf8');
      assert.match(mounts, / \/ \/ ro,/, 'the root folder is read-only');
      assert.doesNotMatch(mounts, /serviceaccount/, 'no token of the API');
    }
  });

  const describePods = async () => (await cluster.kubectl(['-n', NAMESPACE, 'describe', 'pods'])).stdout;

  test('a login on the node arrives at status.hostIP as a trace, with the header from the Secret', async () => {
    const { span, authorization } = await seenLogin('seen-from-the-cluster');
    assert.equal(authorization, 'Bearer from-a-secret');
    assert.equal(span.attributes['user.name'], 'alice');
    const { resource } = span;
    assert.deepEqual(
      [resource['host.name'], resource['k8s.node.name'], resource['service.instance.id']],
      [NODE_NAME, NODE_NAME, NODE_NAME],
    );
    await sink.wait(
      'root',
      ({ traceId, name, parentSpanId }) =>
        traceId === span.traceId && name === 'ssh.connection' && parentSpanId === undefined,
    );
  });

  test('logs and the probes can be had as an operator would', async () => {
    const logs = await cluster.must(['-n', NAMESPACE, 'logs', 'daemonset/sshd-otel', '-c', 'agent']);
    assert.match(logs, /waiting for connections/);
    const health = ['/usr/lib/sshd-otel/node', '/usr/lib/sshd-otel/agent/bundle/sshd-otel.js', 'health'];
    const exec = ['-n', NAMESPACE, 'exec', pod.metadata.name, '-c', 'agent', '--'];
    await cluster.must([...exec, ...health, '--state-dir=/var/lib/sshd-otel']);
    for (const { ready, restartCount } of pod.status.containerStatuses)
      assert.deepEqual([ready, restartCount], [true, 0]);
  });

  test('a login inside another pod is nobody else’s business by default', async () => {
    await cluster.must(['apply'], SSHD_POD);
    await cluster.must(['wait', '--for=condition=Ready', 'pod/door', '--timeout=60s']);
    door = JSON.parse(await cluster.must(['get', 'pod', 'door', '-o', 'json'])) as Pod;
    await loginInPod('not-to-be-seen');
    // Whatever the producer told of it would have come before this.
    await seenLogin('seen-on-the-node');
    assert.doesNotMatch(JSON.stringify(sink.arrived), /not-to-be-seen/);
  });

  test('a changed setting replaces the pod; with scope: all the login inside a pod is told, with container and pod', async () => {
    const state = { hostPath: stateFolder };
    const values = { ...VALUES, scope: 'all', state, priorityClassName: 'system-node-critical' };
    await cluster.must(['apply'], await renderManifest(values));
    await cluster.must(ROLLOUT);
    assert.notEqual((await onlyPod()).metadata.uid, pod.metadata.uid);
    await loginInPod('seen-in-the-pod');
    const { span } = await sink.wait('span of uname', ({ attributes }) =>
      JSON.stringify(attributes).includes('seen-in-the-pod'),
    );
    const root = await sink.wait(
      'root',
      ({ traceId, name, parentSpanId }) =>
        traceId === span.traceId && name === 'ssh.connection' && parentSpanId === undefined,
    );
    const container = door.status.containerStatuses[0]?.containerID.replace('containerd://', '');
    for (const { attributes } of [span, root.span])
      assert.deepEqual([attributes['container.id'], attributes['k8s.pod.uid']], [container, door.metadata.uid]);
    const { span: onNode } = await seenLogin('seen-beside-it');
    assert.deepEqual([onNode.attributes['container.id'], onNode.attributes['k8s.pod.uid']], [undefined, undefined]);
  });

  test('with a folder of the node for its state the next pod has the same host key', async () => {
    const key = readFileSync(join(stateFolder, 'host.key'), 'hex');
    await cluster.must(['-n', NAMESPACE, 'rollout', 'restart', 'daemonset/sshd-otel']);
    await cluster.must(ROLLOUT);
    await seenLogin('seen-with-the-same-key');
    assert.equal(readFileSync(join(stateFolder, 'host.key'), 'hex'), key);
  });

  test('when it is deleted nothing of it is left on the node', async () => {
    const { metadata } = await onlyPod();
    await cluster.must(['-n', NAMESPACE, 'delete', 'daemonset/sshd-otel', '--cascade=foreground', '--timeout=90s']);
    await cluster
      .must(['-n', NAMESPACE, 'wait', '--for=delete', `pod/${metadata.name}`, '--timeout=60s'])
      .catch(() => '');
    const { items } = JSON.parse(await cluster.must(['-n', NAMESPACE, 'get', 'pods', '-o', 'json'])) as {
      items: Pod[];
    };
    assert.deepEqual(items, []);
    assert.throws(() => processOf('sshd-otel', metadata.uid));
  });
});
