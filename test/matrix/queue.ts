/** Cells side by side: most of a cell's time is waiting for clients and commands, not work. */

/** Works on all items, `jobs` at a time, in their order. The first error ends it, once the others under way are done. */
export async function workOn<Item>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
}
