/** Cells side by side: most of a cell's time is waiting for clients and commands, not work. */

/** What the work on one item came to. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  /** By the pace so far; undefined before there is one. */
  readonly minutesLeft: number | undefined;
}

/**
 * Works on all items, `jobs` at a time, in their order. The first error ends it, once the others under way are done.
 * @param now ms of any clock
 */
export async function workOn<Item>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<(progress: Progress) => void>,
  now: () => number = () => performance.now(),
): Promise<void> {
  const left = items.values();
  const startedMs = now();
  let done = 0;
  const worker = async () => {
    for (const item of left) {
      const tell = await work(item);
      done++;
      const minutesLeft = (((now() - startedMs) / done) * (items.length - done)) / 60_000;
      tell({ done, of: items.length, minutesLeft });
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
}
