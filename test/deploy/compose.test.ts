/**
 * Agent and producer of the compose example, as docker-compose reads them, run by podman since there is no engine of Docker's
 * here: with their users, rights, entry points and volumes. Of other people's images there is none; the checking sink stands
 * for the collector. `make verify-examples` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startLab } from '../../agent/lab/lab.ts';
import { runChild, startChild } from '../../agent/source/child-process.ts';
import { ROOT } from '../../deploy/package/bundle.ts';
import { startContainerSink } from './container-sink.ts';
import { buildImage, whyNoImage } from './image.ts';
import { until } from './on-systemd.ts';
import { CONTAINERS_CONF, runtimeDefault } from './pod.ts';
import { COMPOSE, whyNoTool } from './tools.ts';

interface Service {
  readonly entrypoint?: readonly string[] | null;
  readonly command: readonly string[];
  readonly user: string;
  readonly pid?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly { type: string; source: string; target: string; read_only?: boolean }[];
}

interface Project {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, { readonly driver_opts?: Readonly<Record<string, string>> }>>;
}

const SKIP =
  process.env['SSHD_OTEL_COMPOSE'] === 'run'
    ? (whyNoTool(COMPOSE) ?? (await whyNoImage()) ?? false)
    : 'only make verify-examples runs the services of compose.yaml';
const TOOL_MS = 60_000;

test('producer and agent of compose.yaml trace a login, with the rights that it gives them', {
  skip: SKIP,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-compose-'));
  const name = folder.split('-').at(-1)?.toLowerCase() ?? '';
  const ids: string[] = [];
  writeFileSync(join(folder, 'containers.conf'), CONTAINERS_CONF);
  writeFileSync(join(folder, 'seccomp.json'), runtimeDefault());
  const env = { ...(process.env as Record<string, string>), CONTAINERS_CONF: join(folder, 'containers.conf') };
  const podman = async (...args: string[]) => {
    const { code, stdout, stderr } = await runChild(
      { command: 'podman', args: ['--runtime', 'runc', ...args], env },
      TOOL_MS,
    );
    assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const file = join(ROOT, 'deploy/examples/compose.yaml');
  const read = await runChild({ command: COMPOSE, args: ['--file', file, 'config', '--format', 'json'] }, TOOL_MS);
  const project = JSON.parse(read.stdout) as Project;
  const volumeOf = (source: string) => `${source}-${name}`;
  t.after(async () => {
    if (ids.length > 0) await podman('rm', '--force', '--time', '1', ...ids);
    for (const source of ['socket', 'state']) await podman('volume', 'rm', '--force', volumeOf(source));
    rmSync(folder, { recursive: true });
  });
  const image = await buildImage();
  for (const source of ['socket', 'state']) {
    const options = Object.entries(project.volumes[source]?.driver_opts ?? {});
    await podman(
      'volume',
      'create',
      ...options.flatMap(([key, value]) => ['--opt', `${key}=${value}`]),
      volumeOf(source),
    );
  }

  const start = async (service: Service | undefined, network: string, environment = {}) => {
    assert.ok(service !== undefined);
    const variables = Object.entries({ ...service.environment, ...environment });
    const id = await podman(
      ...['run', '--detach', '--network', network, '--user', service.user],
      ...['--security-opt', `seccomp=${join(folder, 'seccomp.json')}`],
      ...(service.pid === undefined ? [] : ['--pid', service.pid]),
      ...(service.read_only === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
      ...(service.security_opt ?? []).flatMap((option) => ['--security-opt', option.replace(':true', '')]),
      ...(service.cap_drop ?? []).map((right) => `--cap-drop=${right}`),
      ...(service.cap_add ?? []).map((right) => `--cap-add=${right}`),
      ...variables.flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...service.volumes.flatMap(({ type, source, target, read_only: readOnly }) => [
        ...['--volume', `${type === 'volume' ? volumeOf(source) : source}:${target}${readOnly === true ? ':ro' : ''}`],
      ]),
      ...(service.entrypoint == null ? [] : ['--entrypoint', JSON.stringify(service.entrypoint)]),
      ...[image, ...service.command],
    );
    ids.push(id);
    return `/proc/${await podman('inspect', '--format', '{{.State.Pid}}', id)}/ns/net`;
  };
  const network = await start(project.services['producer'], 'none');
  const sink = await startContainerSink({
    startOutside: (command, args) =>
      startChild({ command: 'nsenter', args: [`--net=${network}`, command, ...args], stdin: 'pipe' }),
  });
  t.after(() => sink.stop());
  await start(project.services['agent'], `ns:${network}`, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
  const lab = await startLab({ authorizedKeysSeconds: 0 });
  t.after(() => lab.stop());
  const logsOf = async (id: string | undefined) => {
    const { stdout, stderr } = await runChild({ command: 'podman', args: ['logs', id ?? ''], env }, TOOL_MS);
    return stdout + stderr;
  };
  const tracing = async () => (await logsOf(ids[1])).includes('waiting for connections');
  await until(tracing, 30_000, 'the agent').catch(async (error: unknown) => {
    assert.fail(`${String(error)}\n${await logsOf(ids[0])}\n${await logsOf(ids[1])}`);
  });
  const { exitCode } = await lab.ssh({ user: 'alice', command: '/bin/echo seen-by-compose' });
  assert.equal(exitCode, 0);
  const { span } = await sink.wait('span of echo', ({ attributes }) =>
    JSON.stringify(attributes).includes('seen-by-compose'),
  );
  await sink.wait('root', (each) => each.traceId === span.traceId && each.parentSpanId === undefined);
});
