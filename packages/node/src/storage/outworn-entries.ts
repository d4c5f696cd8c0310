/**
 * Gives the room of dead records back: entries of the log without a live record are removed, those of
 * which less than half is live are written anew under their own number.
 */
import type { ArrivalLog } from './arrival-log.js';
import { FoundRecords } from './found-records.js';
import type { LiveShare } from './keys.js';
import type { VersionIndex } from './version-index.js';

/** Entries that one step removes or writes anew. */
const STEP_ENTRIES = 64;

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
      const share = this.#index.live(arrival);
      if (share === undefined) {
        writes.push(() => this.#log.removeEntry(arrival));
        settled.push({ arrival, bytesInLog: 0 });
        continue;
      }
      const anew = this.#withoutDead(arrival, share);
      if (anew === undefined) left.push(arrival);
      else writes.push(() => this.#log.putEntry(arrival, anew));
      settled.push({ arrival, bytesInLog: anew === undefined ? share.bytesInLog : share.bytes });
    }
    await this.#index.flushed();
    await this.#log.commit(() => {
      this.#log.keepLastArrival();
      for (const write of writes) write();
    });
    await this.#index.settle(settled);
    return left;
  }

  /** An entry with its live records alone; undefined where not all of them are found: then it stays as it is. */
  #withoutDead(arrival: number, share: LiveShare): Uint8Array | undefined {
    const entry = this.#log.readWhole(arrival);
    if (entry === undefined) return undefined;
    const groups: { partitionId: number; places: number[] }[] = [];
    const found = new FoundRecords(entry.records);
    let records = 0;
    for (const { partitionId, from, to } of entry.groups()) {
      // Those of a group lie in few blocks, each of which is looked up once.
      for (let place = from; place < to; place++) found.seek(place, entry.version(place));
      this.#index.locate(partitionId, found, found.soughtByCounter(from, to));
      const places: number[] = [];
      for (let place = from; place < to; place++)
        if (found.isAt(place, arrival, entry.ordinal(place))) places.push(place);
      if (places.length > 0) groups.push({ partitionId, places });
      records += places.length;
    }
    return records === share.records ? this.#log.writer.rewrite(entry, groups).bytes : undefined;
  }
}
