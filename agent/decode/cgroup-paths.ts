/** Which path a cgroup's id stands for. */
import type { CgroupEvent, CgroupPath, KernelEvent } from './kernel-event.ts';

/** Ids remembered at least: more than those that a producer thinks of as told (ebpf/README.md, `cgroup`). */
const MIN_KEPT = 8_192;

type Placed = { -readonly [K in 'cgroup' | 'cgroupPath']?: CgroupEvent['id'] | CgroupPath | undefined };

/**
 * Paths by id: those that were told or used last, at least `MIN_KEPT` and at most twice as many. An id names one cgroup
 * until the next boot, so a path counts for events that come before it in time, too.
 */
export class CgroupPaths {
  #newer = new Map<string, CgroupPath>();
  #older = new Map<string, CgroupPath>();

  note(event: CgroupEvent): void {
    if (event.path !== undefined) this.#keep(event.id, event.path);
  }

  /** Puts the path into an event that has only the id. */
  complete(event: KernelEvent): void {
    if (event.kind !== 'exec' && event.kind !== 'accept' && event.kind !== 'seed') return;
    if (event.cgroup !== undefined) (event as Placed).cgroupPath = this.#find(event.cgroup);
  }

  clear(): void {
    this.#newer.clear();
    this.#older.clear();
  }

  #find(id: string): CgroupPath | undefined {
    const recent = this.#newer.get(id);
    if (recent !== undefined) return recent;
    const path = this.#older.get(id);
    if (path !== undefined) this.#keep(id, path);
    return path;
  }

  #keep(id: string, path: CgroupPath): void {
    if (this.#newer.size >= MIN_KEPT) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(id, path);
  }
}
