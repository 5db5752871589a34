/** The images that the node has before anything asks for them: ours, the one that holds a pod's namespaces, and an sshd. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../deploy/package/run.ts';
import { PAUSE_IMAGE } from './settings.ts';

export const REPOSITORY = 'localhost/sshd-otel';
export const TAG = 'verify';
export const SSHD_IMAGE = 'localhost/sshd-otel-sshd:1';

const PAUSE = `#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(signal == 0); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }
`;

export interface Images {
  /** The caller's to remove. */
  readonly folder: string;
  readonly archive: string;
  /** Opens the sshd of the image, as root. */
  readonly key: string;
}

/** @param image id of ours, as buildah knows it */
export async function imageArchive(image: string): Promise<Images> {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-images-'));
  try {
    writeFileSync(join(folder, 'pause.c'), PAUSE);
    await run('gcc', ['-static', '-Os', '-o', join(folder, 'pause'), join(folder, 'pause.c')]);
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n');
    const env = { BUILDAH_ISOLATION: 'chroot' };
    await run('buildah', ['bud', '--quiet', '--timestamp', '0', '--tag', PAUSE_IMAGE, folder], env);
    await run(join(import.meta.dirname, 'sshd-image.sh'), [folder, SSHD_IMAGE]);
    const names = [`${REPOSITORY}:${TAG}`, PAUSE_IMAGE, SSHD_IMAGE];
    await run('buildah', ['tag', image, names[0] ?? '']);
    const archive = join(folder, 'images.tar');
    await run('podman', ['save', '--quiet', '--multi-image-archive', '--output', archive, ...names]);
    await run('buildah', ['rmi', ...names]);
    return { folder, archive, key: join(folder, 'key') };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
