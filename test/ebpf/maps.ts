/** The BPF maps of a producer, as bpftool shows them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Why they can't be shown here; false: they can. */
export const noBpftool: string | false = (() => {
  try {
    execFileSync('bpftool', ['version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no bpftool to dump the maps with';
  }
})();

/** Each map of the process `pid`, but for rings, which only memory shows, as JSON text. */
export function dumpMaps(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
    const id = /^map_id:\s*(\d+)/m.exec(info)?.[1];
    if (id === undefined || /^map_type:\s*27$/m.test(info)) return [];
    return [execFileSync('bpftool', ['map', 'dump', 'id', id, '-j'], { maxBuffer: 1 << 30 }).toString()];
  });
}
