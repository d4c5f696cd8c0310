/**
 * The highest counter of each partition as this node knows it: stored here, heard of in a counter
 * round, or given to a write that is still under way. It only rises.
 */
import { LIMITS, MendlogError, type Store } from '@mendlog/core';

export class AssignedHeads {
  readonly #store: Store;
  readonly #heads = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  head(partition: string): number {
    return Math.max(this.#store.head(partition), this.#heads.get(partition) ?? 0);
  }

  /** Takes note of a peer's counter. Throws CLOCK_JUMP where it is too far ahead to be true. */
  raise(partition: string, counter: number): void {
    const head = this.head(partition);
    if (counter > head + LIMITS.counterJumpMax) {
      throw new MendlogError(
        'CLOCK_JUMP',
        `a peer's counter ${counter} is too far ahead of ${head}: nothing was written`,
      );
    }
    if (counter > head) this.#heads.set(partition, counter);
  }

  /** Gives out `count` consecutive counters and returns the first. */
  take(partition: string, count: number): number {
    const first = this.head(partition) + 1;
    this.#heads.set(partition, first + count - 1);
    return first;
  }
}
