/**
 * Reads records in the order in which they arrived at this store, from the arrival log alone.
 *
 * A record whose bytes the disk has changed is left out, and marked: it arrives again when another replica
 * gives it back, and is read then.
 */
import {
  type ArrivalCursor,
  checkCursor,
  compareTags,
  type DigestKernel,
  KEY_BYTES,
  TAG_BYTES,
  type TailPage,
  type TailRange,
  type TailRecord,
} from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import { recordAt } from './located-record.js';
import type { LogEntry } from './log-entry.js';
import type { PartitionState } from './partition-state.js';

/** Entries that one page looks at, however little of them is asked for. */
const ENTRIES_MAX = 1024;
const ORDINAL_HIGHEST = 2 ** 16 - 1;

interface TailReaderOptions {
  readonly storeId: string;
  readonly log: ArrivalLog;
  readonly kernel: DigestKernel;
  readonly stateOf: (partitionId: number) => PartitionState | undefined;
}

/** A record of an entry, its bytes not checked yet. */
interface Found {
  readonly state: PartitionState;
  readonly arrival: number;
  readonly entry: LogEntry;
  readonly place: number;
}

export class TailReader {
  readonly #options: TailReaderOptions;

  constructor(options: TailReaderOptions) {
    this.#options = options;
  }

  /** Behind all records up to the arrival number `flushed`. */
  end(flushed: number): ArrivalCursor {
    return { storeId: this.#options.storeId, arrival: flushed, ordinal: ORDINAL_HIGHEST };
  }

  /** Up to the arrival number `flushed`. */
  page({ after, partitions, recordsMax, bytesMax }: TailRange, flushed: number): TailPage {
    const { storeId, log } = this.#options;
    checkCursor(storeId, after);
    const start = after ?? { storeId, arrival: 0, ordinal: 0 };
    let cursor: ArrivalCursor = start;
    const found: Found[] = [];
    let bytes = 0;
    let entries = 0;
    for (const { arrival, entry } of log.after(Math.max(start.arrival - 1, 0))) {
      if (arrival > flushed) break;
      if (++entries > ENTRIES_MAX) return { records: this.#sound(found), cursor, atEnd: false };
      // Its records are unknown: they arrive again when another replica gives them back.
      if (entry === undefined) {
        cursor = { storeId, arrival, ordinal: ORDINAL_HIGHEST };
        continue;
      }
      for (const { partitionId, from, to } of entry.groups()) {
        const state = this.#options.stateOf(partitionId);
        if (state === undefined) continue;
        const isWanted = partitions === undefined || partitions.has(state.name);
        for (let place = from; place < to; place++) {
          const ordinal = entry.ordinal(place);
          if (arrival === start.arrival && ordinal <= start.ordinal) continue;
          if (found.length >= recordsMax || (found.length > 0 && bytes >= bytesMax))
            return { records: this.#sound(found), cursor, atEnd: false };
          cursor = { storeId, arrival, ordinal };
          if (!isWanted || entry.counter(place) <= state.trimmedTo) continue;
          if (entry.counter(place) <= state.purgedTo && state.isPurged(recordAt({ arrival, entry }, place)))
            continue;
          found.push({ state, arrival, entry, place });
          bytes += entry.length(place);
        }
      }
    }
    return { records: this.#sound(found), cursor, atEnd: true };
  }

  /** Copies of the frames that are as they were written. */
  #sound(found: readonly Found[]): TailPage['records'] {
    const keys = new Uint8Array(found.length * KEY_BYTES);
    const bytes = new Uint8Array(found.reduce((sum, { entry, place }) => sum + entry.length(place), 0));
    const ends = new Uint32Array(found.length);
    let end = 0;
    for (const [i, { state, entry, place }] of found.entries()) {
      keys.set(state.tagKey, i * KEY_BYTES);
      bytes.set(entry.frame(place), end);
      end += entry.length(place);
      ends[i] = end;
    }
    const tags = new Uint8Array(found.length * TAG_BYTES);
    const one = Uint32Array.from({ length: found.length }, (_, i) => i + 1);
    this.#options.kernel.groupTags(keys, one, bytes, ends, tags);
    const records: TailRecord[] = [];
    for (const [i, { state, arrival, entry, place }] of found.entries()) {
      if (compareTags(tags.subarray(i * TAG_BYTES), entry.tag(place)) === 0) {
        const frame = bytes.subarray((ends[i] as number) - entry.length(place), ends[i]);
        records.push({ partition: state.name, frame, arrival, ordinal: entry.ordinal(place) });
      } else state.damaged.add(entry.version(place));
    }
    return records;
  }
}
