/**
 * The highest counter of each partition that this client has seen, in what it wrote and in what it read: what it
 * writes in causal order is to be above. Partitions beyond the bound are forgotten, the longest unused first; of them
 * only real-time order is kept.
 */

const PARTITIONS_MAX = 65_536;

export class SeenCounters {
  readonly #counters = new Map<string, number>();

  note(partition: string, counter: number): void {
    const seen = this.#counters.get(partition);
    if (seen !== undefined && seen >= counter) return;
    // The last one noted is the last in the map.
    this.#counters.delete(partition);
    this.#counters.set(partition, counter);
    if (this.#counters.size <= PARTITIONS_MAX) return;
    for (const oldest of this.#counters.keys()) {
      this.#counters.delete(oldest);
      return;
    }
  }

  of(partition: string): number {
    return this.#counters.get(partition) ?? 0;
  }
}
