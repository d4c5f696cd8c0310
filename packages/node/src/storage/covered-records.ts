/**
 * Finds what lies in the log and only a tombstone that is about to be purged keeps dead: were the index made anew
 * without that tombstone, it would be back. The entries in which it lies are written anew before the tombstone goes.
 *
 *   entry 7   put k v3   (dead, since v9 came)  <-- found
 *   entry 12  delete k v9                       <-- may leave the log once entry 7 is written anew
 *
 * What an older record gave way to is dead as well, and is found in the same way: of a key nobody holds, or a
 * tombstone that goes, every record that lies in the log.
 */
import type { ArrivalLog } from './arrival-log.js';
import type { LogEntry } from './log-entry.js';
import type { VersionIndex } from './version-index.js';

/** Entries that one step reads, and those that it passes over at most. */
const READ_MAX = 64;
const PASSED_MAX = 4096;

export interface CoveredRecordsOptions {
  readonly log: ArrivalLog;
  readonly index: VersionIndex;
  /** The key of the record in this place, as a text; undefined where the disk has changed its frame. */
  readonly keyOf: (partitionId: number, entry: LogEntry, place: number) => string | undefined;
}

/** A partition whose tombstones at or below the counter are about to go. */
export interface Purging {
  readonly partitionId: number;
  readonly counter: number;
  /** The index has everything up to this arrival; of later ones it does not know what is live. */
  readonly arrival: number;
}

export class CoveredRecords {
  readonly #options: CoveredRecordsOptions;

  constructor(options: CoveredRecordsOptions) {
    this.#options = options;
  }

  /** Entries above an arrival number in which such a record lies; `next` is where to go on, undefined at the end. */
  step(after: number, purging: Purging): { entries: number[]; next: number | undefined } {
    const { log, index } = this.#options;
    const entries: number[] = [];
    let last = after;
    let read = 0;
    for (let passed = 0; read < READ_MAX && passed < PASSED_MAX; passed++) {
      const arrival = log.nextArrival(last);
      if (arrival === undefined || arrival > purging.arrival) return { entries, next: undefined };
      last = arrival;
      const share = index.live(arrival);
      if (share !== undefined && share.bytes === share.bytesInLog) continue;
      read++;
      const entry = log.readWhole(arrival);
      if (entry !== undefined && this.#hasCovered(entry, arrival, purging)) entries.push(arrival);
    }
    return { entries, next: last };
  }

  #hasCovered(entry: LogEntry, arrival: number, purging: Purging): boolean {
    for (const { partitionId, from, to } of entry.groups()) {
      if (partitionId !== purging.partitionId) continue;
      for (let place = from; place < to; place++)
        if (this.#isCovered({ entry, place, arrival }, purging)) return true;
    }
    return false;
  }

  #isCovered(
    { entry, place, arrival }: { entry: LogEntry; place: number; arrival: number },
    { partitionId, counter }: Purging,
  ): boolean {
    const { index, keyOf } = this.#options;
    // A dead tombstone that came back would go again.
    if (!entry.hasKey(place) || entry.isTombstone(place) || entry.counter(place) > counter) return false;
    const [version, ordinal] = [entry.version(place), entry.ordinal(place)];
    if (index.isThere(partitionId, { version, arrival, ordinal })) return false;
    const key = keyOf(partitionId, entry, place);
    const holder = key === undefined ? undefined : index.holder(partitionId, key);
    const held = holder && index.find(partitionId, holder.version);
    return held === undefined || (held.isTombstone && held.version.counter <= counter);
  }
}
