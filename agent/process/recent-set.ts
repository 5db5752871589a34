/**
 * The keys that were added last: at least `least` of them, at most twice as many. Two sets, of which the older is dropped
 * whole when the newer is full: to find and delete the oldest key of one set means to walk over all that were deleted.
 */
export class RecentSet {
  readonly #least: number;
  #newer = new Set<string>();
  #older = new Set<string>();

  constructor(least: number) {
    this.#least = least;
  }

  add(key: string): void {
    if (this.#newer.size >= this.#least) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
  }

  has(key: string): boolean {
    return this.#newer.has(key) || this.#older.has(key);
  }
}
