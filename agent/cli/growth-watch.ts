/** Tells that a count has grown, at once and then now and then: what others can make grow must not fill the log. */
export class GrowthWatch {
  readonly #pauseMs: number;
  readonly #tell: (more: number) => void;
  #told = 0;
  #toldMs = -Infinity;

  /**
   * @param pauseMs it is told once in so long
   * @param tell told by how much it has grown since it was told last
   */
  constructor(pauseMs: number, tell: (more: number) => void) {
    this.#pauseMs = pauseMs;
    this.#tell = tell;
  }

  /** @param total the count so far */
  seen(total: number, nowMs: number): void {
    if (total <= this.#told || nowMs - this.#toldMs < this.#pauseMs) return;
    this.#tell(total - this.#told);
    this.#told = total;
    this.#toldMs = nowMs;
  }
}
