/**
 * Gives the room of dead records back: entries of the log without a live record are removed, those of
 * which less than half is live are written anew under their own number.
 */
import { packItems } from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import type { LiveShare } from './keys.js';
import { type EntryPart, type EntrySeal, encodeEntry } from './log-entry.js';
import { packedTags } from './row-changes.js';
import type { VersionIndex } from './version-index.js';

/** Entries that one step removes or writes anew. */
const STEP_ENTRIES = 64;

export class OutwornEntries {
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  readonly #seal: EntrySeal;

  constructor(log: ArrivalLog, index: VersionIndex, seal: EntrySeal) {
    this.#log = log;
    this.#index = index;
    this.#seal = seal;
  }

  /** Deals with the oldest. Whether there was anything to do. */
  async step(): Promise<boolean> {
    const arrivals = this.#index.outworn(STEP_ENTRIES);
    if (arrivals.length === 0) return false;
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
      if (anew !== undefined) writes.push(() => this.#log.putEntry(arrival, anew));
      settled.push({ arrival, bytesInLog: anew === undefined ? share.bytesInLog : share.bytes });
    }
    await this.#log.commit(() => {
      for (const write of writes) write();
    });
    await this.#index.settle(settled);
    return true;
  }

  /** An entry with its live records alone; undefined where not all of them are found: then it stays as it is. */
  #withoutDead(arrival: number, share: LiveShare): Uint8Array | undefined {
    const entry = this.#log.readWhole(arrival);
    if (entry === undefined) return undefined;
    const parts: EntryPart[] = [];
    const ordinals: number[] = [];
    for (const { partitionId, from, to } of entry.groups()) {
      const places: number[] = [];
      for (let place = from; place < to; place++) {
        const ordinal = entry.ordinal(place);
        const indexed = this.#index.find(partitionId, entry.version(place));
        if (indexed?.arrival !== arrival || indexed.ordinal !== ordinal) continue;
        places.push(place);
        ordinals.push(ordinal);
      }
      if (places.length === 0) continue;
      const frames = places.map((place) => entry.frame(place));
      const tags = packedTags(places.map((place) => entry.tag(place)));
      const versions = places.map((place) => entry.version(place));
      parts.push({ partitionId, group: packItems('', frames), versions, tags, from: 0, to: places.length });
    }
    return ordinals.length === share.records ? encodeEntry(parts, this.#seal, ordinals) : undefined;
  }
}
