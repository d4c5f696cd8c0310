/**
 * Where a reader of one partition stands among a store's arrivals, and whether something waits there.
 *
 * A reader who is at the end is carried along over commits without a record of the partition, and reads none of
 * them: a quiet partition on a busy store costs a look at the partitions of each commit.
 */
import type { ArrivalCursor, Arrived, Store, TailPage } from '@mendlog/core';

export class ArrivalWatch implements Disposable {
  readonly #store: Store;
  readonly #partitions: ReadonlySet<string>;
  readonly #stop: () => void;
  #after: ArrivalCursor | undefined;
  #isAtEnd = false;
  #wake = () => {};

  constructor(store: Store, partition: string, after: ArrivalCursor | undefined) {
    this.#store = store;
    this.#partitions = new Set([partition]);
    this.#after = after;
    this.#stop = store.onArrival((arrived) => this.#onArrival(partition, arrived));
  }

  /** The next page; it may have no records though more follow. */
  next(limits: { recordsMax: number; bytesMax: number }): TailPage {
    const from = this.#after === undefined ? {} : { after: this.#after };
    const page = this.#store.tail({ ...limits, partitions: this.#partitions, ...from });
    this.#after = page.cursor;
    this.#isAtEnd = page.atEnd;
    return page;
  }

  /** Resolves when something may have arrived behind the last page, or when the signal aborts. One may wait. */
  async arrival(signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isAtEnd || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#wake = () => {};
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal?.addEventListener('abort', done);
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#wake();
  }

  #onArrival(partition: string, { partitions, end }: Arrived): void {
    if (!this.#isAtEnd) return;
    if (!partitions.has(partition)) {
      this.#after = end;
      return;
    }
    this.#isAtEnd = false;
    this.#wake();
  }
}
