/** Moves a process to where a container is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hierarchies that tell of a container: version 2 (no name), and the one of version 1 that stands for it on hosts with both. */
const TELLING = ['', 'memory'];

/** Folders of the cgroups that a process is in, by hierarchy. */
function foldersOf(pid: number): Map<string, string> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const places = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  return new Map(
    places.flatMap((line) => {
      const [, name = '', ...path] = line.split(':');
      const mount = mounts.find(([, , type, options = '']) =>
        name === '' ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(name),
      )?.[1];
      return TELLING.includes(name) && mount !== undefined ? [[name, join(mount, path.join(':'))] as const] : [];
    }),
  );
}

/** Puts a process where another one is. @returns puts it back */
export function joinCgroups(pid: number, other: number): () => void {
  const before = foldersOf(pid);
  const move = (folders: ReadonlyMap<string, string>) => {
    for (const folder of folders.values()) writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  };
  move(foldersOf(other));
  return () => move(before);
}
