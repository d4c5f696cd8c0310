/**
 * Up to where a fence may be raised: a head that was seen long enough ago for no write to be under way any more that had
 * a counter by then. One head of a partition is waited for at a time.
 */
interface SeenHead {
  readonly head: number;
  readonly atMs: number;
}

export class SettledHeads {
  readonly #ageMs: number;
  #seen = new Map<string, SeenHead>();

  /** A head is settled when it was seen so long ago. */
  constructor(ageMs: number) {
    this.#ageMs = ageMs;
  }

  /** Takes note of a head, and returns the one that has settled since, once. Times are of one clock that never goes back. */
  settled(partition: string, head: number, nowMs: number): number | undefined {
    const seen = this.#seen.get(partition);
    const isSettled = seen !== undefined && nowMs - seen.atMs >= this.#ageMs;
    if (seen === undefined || isSettled) this.#seen.set(partition, { head, atMs: nowMs });
    return isSettled ? seen.head : undefined;
  }

  /** Forgets all other partitions. */
  keep(partitions: ReadonlySet<string>): void {
    for (const partition of this.#seen.keys()) if (!partitions.has(partition)) this.#seen.delete(partition);
  }
}
