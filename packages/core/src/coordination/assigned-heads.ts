/**
 * The highest counter of each partition as a coordinator knows it: stored here, heard of in a counter
 * round, or given to a write that is still under way. It only rises.
 */
import { checkCounterJump } from '../counter-jump.js';

export class AssignedHeads {
  readonly #storedHead: (partition: string) => number;
  readonly #heads = new Map<string, number>();

  constructor(storedHead: (partition: string) => number) {
    this.#storedHead = storedHead;
  }

  head(partition: string): number {
    return Math.max(this.#storedHead(partition), this.#heads.get(partition) ?? 0);
  }

  /** Takes note of a peer's counter. Throws CLOCK_JUMP where it is too far ahead to be true. */
  raise(partition: string, counter: number): void {
    const head = this.head(partition);
    checkCounterJump(head, counter);
    if (counter > head) this.#heads.set(partition, counter);
  }

  /** Gives out `count` consecutive counters and returns the first. */
  take(partition: string, count: number): number {
    const first = this.head(partition) + 1;
    this.#heads.set(partition, first + count - 1);
    return first;
  }
}
