/** The images that the node has before anything asks for them: ours, and the one that holds a pod's namespaces. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../deploy/package/run.ts';
import { PAUSE_IMAGE } from './settings.ts';

export const REPOSITORY = 'localhost/sshd-otel';
export const TAG = 'verify';

const PAUSE = `#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(signal == 0); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }
`;

/** @param image id of ours, as buildah knows it @returns path of an archive of both; its folder is the caller's to remove */
export async function imageArchive(image: string): Promise<{ readonly folder: string; readonly archive: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-images-'));
  try {
    writeFileSync(join(folder, 'pause.c'), PAUSE);
    await run('gcc', ['-static', '-Os', '-o', join(folder, 'pause'), join(folder, 'pause.c')]);
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n');
    const env = { BUILDAH_ISOLATION: 'chroot' };
    await run('buildah', ['bud', '--quiet', '--timestamp', '0', '--tag', PAUSE_IMAGE, folder], env);
    const name = `${REPOSITORY}:${TAG}`;
    await run('buildah', ['tag', image, name]);
    const archive = join(folder, 'images.tar');
    await run('podman', ['save', '--quiet', '--multi-image-archive', '--output', archive, name, PAUSE_IMAGE]);
    await run('buildah', ['rmi', name, PAUSE_IMAGE]);
    return { folder, archive };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
