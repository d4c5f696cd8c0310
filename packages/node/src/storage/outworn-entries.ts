/**
 * Gives the room of dead records back: entries of the log without a live record are removed, those of
 * which less than half is live are written anew under their own number.
 */
import type { ArrivalLog } from './arrival-log.js';
import type { LiveShare } from './keys.js';
import { liveRecordsOf } from './live-records.js';
import type { VersionIndex } from './version-index.js';

/** Entries that one step removes or writes anew. */
const STEP_ENTRIES = 64;
const NOTHING_LIVE: LiveShare = { records: 0, bytes: 0, bytesInLog: 0 };

export class OutwornEntries {
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  /** Who wants the entries left as they are. */
  #holders = 0;
  #stepping: Promise<unknown> = Promise.resolve();

  constructor(log: ArrivalLog, index: VersionIndex) {
    this.#log = log;
    this.#index = index;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** Entries stay as they are from when this resolves until the function that it gives is called. */
  async hold(): Promise<() => void> {
    this.#holders++;
    await this.#stepping.catch(() => undefined);
    return () => {
      this.#holders--;
    };
  }

  /** Those that one step deals with, up to this arrival. */
  oldest(upTo = Number.POSITIVE_INFINITY): number[] {
    return this.#index.outworn(STEP_ENTRIES).filter((arrival) => arrival <= upTo);
  }

  /** Deals with the oldest. Whether there was anything to do. */
  async step(): Promise<boolean> {
    const arrivals = this.oldest();
    if (arrivals.length > 0) await this.rewrite(arrivals);
    return arrivals.length > 0;
  }

  /** Removes these entries, or writes them anew without what is dead. Returns those that stay as they are. */
  rewrite(arrivals: readonly number[]): Promise<number[]> {
    const step = this.#rewrite(arrivals);
    this.#stepping = step;
    return step;
  }

  async #rewrite(arrivals: readonly number[]): Promise<number[]> {
    const left: number[] = [];
    const settled: { arrival: number; bytesInLog: number }[] = [];
    const writes: (() => void)[] = [];
    for (const arrival of arrivals) {
      const { records, bytes, bytesInLog } = this.#index.live(arrival) ?? NOTHING_LIVE;
      const entry = this.#log.readWhole(arrival);
      const live = entry === undefined ? undefined : liveRecordsOf(this.#index, arrival, entry);
      // One that holds something else than what is said of it stays: it may have been the index that the disk has changed.
      if ((live?.records ?? 0) !== records) {
        left.push(arrival);
        settled.push({ arrival, bytesInLog });
      } else if (entry === undefined || live === undefined || records === 0) {
        writes.push(() => this.#log.removeEntry(arrival));
        settled.push({ arrival, bytesInLog: 0 });
      } else {
        const anew = this.#log.writer.rewrite(entry, live.groups).bytes;
        writes.push(() => this.#log.putEntry(arrival, anew));
        settled.push({ arrival, bytesInLog: bytes });
      }
    }
    await this.#index.flushed();
    await this.#log.commit(() => {
      this.#log.keepLastArrival();
      for (const write of writes) write();
    });
    await this.#index.settle(settled);
    return left;
  }
}
