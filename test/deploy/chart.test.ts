/** The Helm chart: what its schema refuses, what its templates make of values, and whether Kubernetes would take that. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { DaemonSet as DaemonSetObject } from 'kubernetes-types/apps/v1.d.ts';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfigFile } from '../../agent/config/config-file.ts';
import {
  faultsOf,
  renderChart,
  renderManifest,
  type Values,
  whyNoRenderer,
  withDefaults,
} from '../../deploy/kubernetes/chart.ts';
import { MANIFEST, plainManifest } from '../../deploy/kubernetes/render.ts';
import { ROOT } from '../../deploy/package/bundle.ts';
import { EVERYTHING } from './chart-values.ts';
import { modelFaults, typeFaults } from './kubernetes-checks.ts';

const skip = (await whyNoRenderer()) ?? false;
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function objectsOf(manifest: string): Values[] {
  return parseAllDocuments(manifest).map((document) => document.toJS() as Values);
}

async function daemonSet(values: Values): Promise<DaemonSetObject> {
  return parse((await renderChart(values)).get('daemonset.yaml') ?? '') as DaemonSetObject;
}

function podOf(daemonset: DaemonSetObject) {
  const pod = daemonset.spec?.template.spec;
  const container = (name: string) => pod?.containers.find((each) => each.name === name);
  return { pod, producer: container('producer'), agent: container('agent') };
}

describe('values of the chart', () => {
  test('the defaults fit the schema', () => {
    assert.deepEqual(faultsOf(withDefaults({})), []);
  });

  test('every default has a place in the schema, and nothing else has', () => {
    const schema = JSON.parse(readFileSync(join(ROOT, 'deploy/helm/sshd-otel/values.schema.json'), 'utf8')) as {
      properties: Record<string, unknown>;
    };
    const names = Object.keys(schema.properties).filter((name) => name !== 'global');
    assert.deepEqual(names.sort(), Object.keys(withDefaults({})).sort());
  });

  const wrong: [why: string, values: Values, fault: RegExp][] = [
    ['an unknown name', { tolerationz: [] }, /^\/tolerationz: must NOT have additional properties$/],
    ['an unknown name further in', { agent: { resource: {} } }, /^\/agent\/resource: must NOT/],
    ['a wrong type', { terminationGracePeriodSeconds: '30' }, /^\/terminationGracePeriodSeconds: must be integer$/],
    ['a list that is none', { tolerations: { operator: 'Exists' } }, /^\/tolerations: must be array$/],
    ['another scope', { scope: 'pods' }, /^\/scope: must be equal to one of/],
    ['an endpoint without a scheme', { endpoint: 'collector:4317' }, /^\/endpoint: must match pattern/],
    ['a digest that is cut', { image: { digest: 'sha256:1234' } }, /^\/image\/digest: must match pattern/],
    ['a quantity that is none', { agent: { resources: { limits: { memory: '1 GB' } } } }, /limits\/memory: must match/],
    ['a label that is no text', { labels: { team: 1 } }, /^\/labels\/team: must be string$/],
    ['more in a cluster name', { clusterName: 'a,host.name=b' }, /^\/clusterName: must match pattern/],
    ['a monitor of metrics that are not served', { podMonitor: { enabled: true } }, /^\/podMonitor\/enabled/],
  ];
  for (const [why, values, fault] of wrong)
    test(`refuses ${why}`, () => {
      const faults = faultsOf(withDefaults(values));
      assert.equal(faults.length, 1, faults.join('\n'));
      assert.match(faults[0] ?? '', fault);
    });

  test('take everything that operators ask for', () => {
    assert.deepEqual(faultsOf(withDefaults(EVERYTHING)), []);
  });
});

describe('the rendered chart', { skip }, () => {
  test('is what the plain manifest has', async () => {
    assert.equal(readFileSync(MANIFEST, 'utf8'), await plainManifest(), 'make manifests');
  });

  test('is refused with values that the schema refuses', async () => {
    await assert.rejects(renderChart({ scope: 'pods' }), /\/scope/);
  });

  for (const [name, values] of Object.entries({ defaults: {}, everything: EVERYTHING })) {
    test(`with ${name}: models of Kubernetes find nothing wrong`, async () => {
      const objects = objectsOf(await renderManifest(values));
      assert.ok(objects.length >= 2);
      for (const object of objects) assert.deepEqual(modelFaults(object), []);
    });

    test(`with ${name}: types of Kubernetes know every field`, async () => {
      assert.equal(await typeFaults(objectsOf(await renderManifest(values))), '');
    });
  }

  test('the checks find an unknown field, a wrong type and a wrong quantity', async () => {
    const text = (await renderChart()).get('daemonset.yaml') ?? '';
    assert.match(await typeFaults(objectsOf(text.replace('hostPID:', 'hostPid:'))), /"hostPid"' does not exist/);
    const asText = text.replace('hostPID: true', 'hostPID: "true"');
    assert.match(await typeFaults(objectsOf(asText)), /'string' is not assignable to type 'boolean/);
    assert.match(modelFaults(objectsOf(asText)[0] ?? {}).join(), /hostPID/);
    assert.match(modelFaults(objectsOf(text.replace('512Mi', '512 MB'))[0] ?? {}).join(), /memory|limits/);
  });

  test('asks for two capabilities in one container and for nothing in the other', async () => {
    const { pod, producer, agent } = podOf(await daemonSet({}));
    assert.deepEqual(producer?.securityContext?.capabilities, { drop: ['ALL'], add: ['BPF', 'PERFMON'] });
    assert.deepEqual(agent?.securityContext?.capabilities, { drop: ['ALL'] });
    assert.equal(agent?.securityContext?.runAsNonRoot, true);
    for (const container of [producer, agent]) {
      assert.equal(container?.securityContext?.privileged, false);
      assert.equal(container?.securityContext?.allowPrivilegeEscalation, false);
      assert.equal(container?.securityContext?.readOnlyRootFilesystem, true);
      assert.equal(container?.ports, undefined);
    }
    assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault');
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.equal(pod?.hostNetwork, undefined);
    assert.equal(pod?.hostIPC, undefined);
    assert.deepEqual(
      pod?.volumes?.filter((volume) => volume.hostPath !== undefined),
      [],
    );
  });

  test('has no role and no token', async () => {
    const objects = objectsOf(await renderManifest());
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ['ServiceAccount', 'ConfigMap', 'DaemonSet'],
    );
    assert.equal(objects[0]?.['automountServiceAccountToken'], false);
  });

  test('runs on every node, and is replaced on a tenth of them at a time', async () => {
    const daemonset = await daemonSet({});
    assert.deepEqual(podOf(daemonset).pod?.tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(daemonset.spec?.updateStrategy?.rollingUpdate, { maxUnavailable: '10%' });
  });

  test('a digest wins over a tag, a tag over the version', async () => {
    const image = async (values: Values) =>
      podOf(await daemonSet({ image: { repository: 'r/x', ...values } })).agent?.image;
    assert.equal(await image({}), 'r/x:0.1.0');
    assert.equal(await image({ tag: 'v2' }), 'r/x:v2');
    assert.equal(await image({ tag: 'v2', digest: DIGEST }), `r/x@${DIGEST}`);
  });

  test('the chart has the version of the program', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const chart = parse(readFileSync(join(ROOT, 'deploy/helm/sshd-otel/Chart.yaml'), 'utf8')) as Values;
    assert.equal(chart['appVersion'], version);
  });

  test('headers come from an existing secret, as a file that only the agent’s group can read', async () => {
    const { pod, agent } = podOf(await daemonSet({ headersSecret: { name: 'otlp', key: 'token' } }));
    assert.ok(agent?.args?.includes('--headers-file=/run/sshd-otel-headers/token'));
    const secret = pod?.volumes?.find(({ name }) => name === 'headers')?.secret;
    assert.deepEqual(secret, { secretName: 'otlp', defaultMode: 0o440, items: [{ key: 'token', path: 'token' }] });
    assert.equal(pod?.securityContext?.fsGroup, 65532);
    assert.doesNotMatch(JSON.stringify(podOf(await daemonSet({}))), /headers/);
  });

  test('the collector is on the node by default', async () => {
    const env = podOf(await daemonSet({})).agent?.env ?? [];
    const endpoint = env.findIndex(({ name }) => name === 'OTEL_EXPORTER_OTLP_ENDPOINT');
    const ip = env.findIndex(({ name }) => name === 'HOST_IP');
    assert.equal(env[endpoint]?.value, 'http://$(HOST_IP):4318');
    assert.equal(env[ip]?.valueFrom?.fieldRef?.fieldPath, 'status.hostIP');
    assert.ok(ip < endpoint, 'Kubernetes puts in only variables that stand before');
  });

  test('the settings reach the agent as a file that it understands, and their change replaces the pods', async () => {
    const config = { exclude: { users: ['backup'] }, limits: { argvBytes: 1024 } };
    const rendered = await renderChart({ config });
    const { data } = parse(rendered.get('configmap.yaml') ?? '') as { data: Record<string, string> };
    const file = parseConfigFile(data['sshd-otel.yaml'] ?? '', 'sshd-otel.yaml');
    assert.deepEqual(file.problems, []);
    assert.deepEqual(file.values.get('exclude.users')?.value, ['backup']);
    const sum = (daemonset: DaemonSetObject) => daemonset.spec?.template.metadata?.annotations?.['checksum/config'];
    const before = sum(await daemonSet({}));
    assert.match(before ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(sum(await daemonSet({ config })), before);
  });

  test('sshd inside pods is traced only if asked for', async () => {
    assert.ok(!podOf(await daemonSet({})).producer?.args?.includes('--scope=all'));
    assert.ok(podOf(await daemonSet({ scope: 'all' })).producer?.args?.includes('--scope=all'));
  });

  test('the notes name what was installed and where it sends', async () => {
    const notes = (await renderChart({ endpoint: 'https://collector:4318', fullnameOverride: 'door' }, 'nodes')).get(
      'NOTES.txt',
    );
    assert.match(notes ?? '', /the sshd of every node and sends traces to https:\/\/collector:4318\./);
    assert.match(notes ?? '', /--namespace nodes rollout status daemonset\/door$/m);
    assert.match((await renderChart({ scope: 'all' })).get('NOTES.txt') ?? '', /of every node and of every pod/);
  });

  test('every value of operators is in its place', async () => {
    const daemonset = await daemonSet(EVERYTHING);
    const { pod, producer, agent } = podOf(daemonset);
    const text = JSON.stringify(daemonset);
    for (const mark of [
      'pull-secret',
      'own-account',
      'critical',
      'node-pool',
      'ssd',
      'pod-label',
      'pod-note',
      'cluster-9',
    ])
      assert.ok(text.includes(mark), mark);
    assert.equal(pod?.terminationGracePeriodSeconds, 45);
    assert.deepEqual(producer?.resources, { limits: { memory: '256Mi' }, requests: { cpu: '5m', memory: '64Mi' } });
    assert.equal(agent?.resources?.limits?.['cpu'], '1');
    assert.ok(agent?.env?.some(({ name, value }) => name === 'HTTPS_PROXY' && value === 'http://proxy:3128'));
    assert.ok(agent?.args?.includes('--redaction'));
    assert.ok(producer?.args?.includes('--no-log'));
    assert.deepEqual(pod?.volumes?.find(({ name }) => name === 'state')?.hostPath?.path, '/var/lib/sshd-otel');
    assert.ok(pod?.volumes?.some(({ name }) => name === 'ca'));
    assert.ok(agent?.volumeMounts?.some(({ name }) => name === 'ca'));
    assert.equal(daemonset.spec?.updateStrategy?.type, 'OnDelete');
  });
});
