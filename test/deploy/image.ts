/** The container image as `make verify-image` builds it here. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';
import { whyNoRenderer } from '../../deploy/kubernetes/chart.ts';
import { ROOT } from '../../deploy/package/bundle.ts';
import { run } from '../../deploy/package/run.ts';

const BASE_SCRIPT = fileURLToPath(new URL('make-build-base.sh', import.meta.url));
const BASE_PREFIX = 'localhost/sshd-otel-build-base';
const TAG = 'localhost/sshd-otel:test';
/** buildah needs no more rights than root has here; no name space of its own. */
const ENV = { BUILDAH_ISOLATION: 'chroot' };

/**
 * Why the image can't be built and run here; undefined: it can. The base takes minutes and the network, so that it is made
 * only where that was asked for.
 */
export async function whyNoImage(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'containers need root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'this kernel has no BTF';
  if (!existsSync('/usr/sbin/sshd')) return 'no /usr/sbin/sshd: apt-get install openssh-server';
  for (const program of ['buildah', 'podman', 'runc'])
    if ((await runChild({ command: program, args: ['--version'] }, 10_000)).code !== 0)
      return `${program} is not installed: apt-get install buildah podman runc`;
  const noRenderer = await whyNoRenderer();
  if (noRenderer !== undefined) return noRenderer;
  if (process.env['SSHD_OTEL_IMAGE'] === 'build') return undefined;
  const images = await run('buildah', ['images', '--format', '{{.Name}}']);
  return images.includes(BASE_PREFIX) ? undefined : 'the base of the build is not there: make verify-image makes it';
}

/** @param options.fresh takes nothing from earlier builds @returns its id */
export async function buildImage({ fresh } = { fresh: false }): Promise<string> {
  const base = (await run(BASE_SCRIPT, [])).trim();
  const output = await run(
    'buildah',
    [
      ...['bud', '--quiet', '--layers', ...(fresh ? ['--no-cache'] : []), '--pull=never', '--timestamp', '0'],
      ...['--build-arg', `BUILD_IMAGE=${base}`, '--file', `${ROOT}/deploy/image/Dockerfile`, '--tag', TAG, ROOT],
    ],
    ENV,
  );
  // What the tag was on before is of no more use.
  await run('podman', ['image', 'prune', '--force', '--filter', 'label=org.opencontainers.image.title=sshd-otel']);
  return output.trim().split('\n').at(-1) ?? '';
}
