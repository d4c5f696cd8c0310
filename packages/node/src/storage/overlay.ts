/**
 * The overlay: records that are in the arrival log and not yet in the index.
 *
 *   apply() --> arrival log --flush--> visible in the overlay --index--> gone from the overlay
 *
 * A record is put in before its flush, so that the same record is not written twice, and counts as there
 * only afterwards: readers pass the arrival number up to which everything is flushed. Per partition the
 * records are sorted by version; as a rule a new one is the highest.
 */
import { compareVersions, FRAME_HEADER_BYTES, type Version, type VersionRange } from '@mendlog/core';
import type { LogEntry } from './log-entry.js';
import { lowerBound } from './lower-bound.js';

/** Where a record lies in the log, and what is known of it without reading it. */
export interface LocatedRecord {
  readonly version: Version;
  readonly arrival: number;
  readonly ordinal: number;
  /** Bytes of its frame. */
  readonly length: number;
  readonly tag: Uint8Array;
}

export interface OverlayRecord extends LocatedRecord {
  /** Its entry, whose places are its ordinals: it has not been written anew yet. */
  readonly entry: LogEntry;
  /** The record of the same version that it takes the place of, for as long as that is in the overlay. */
  before?: OverlayRecord | undefined;
}

/** What a record takes in memory beside its share of the entry, about. */
const RECORD_OVERHEAD_BYTES = 250 - FRAME_HEADER_BYTES;

export function overlayBytes(record: LocatedRecord): number {
  return record.length + RECORD_OVERHEAD_BYTES;
}

/** The records of one partition. */
export class OverlayRecords {
  #records: OverlayRecord[] = [];

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** Puts a record in; one of the same version gives way to it with its flush. */
  put(record: OverlayRecord): void {
    const last = this.#records.at(-1);
    if (last === undefined || compareVersions(last.version, record.version) < 0) {
      this.#records.push(record);
      return;
    }
    const place = this.#placeOf(record.version);
    const found = this.#records[place];
    const replaces = found !== undefined && compareVersions(found.version, record.version) === 0;
    if (replaces) record.before = found;
    this.#records.splice(place, replaces ? 1 : 0, record);
  }

  /** The latest record of this version that arrived up to there; whichever the last is unless told. */
  find(version: Version, arrivedBy = Number.POSITIVE_INFINITY): OverlayRecord | undefined {
    const found = this.#records[this.#placeOf(version)];
    if (found === undefined || compareVersions(found.version, version) !== 0) return undefined;
    return latestBy(found, arrivedBy);
  }

  /** Records of the range with an arrival above `after` and up to `flushed`, ascending. */
  range(range: VersionRange, { after, flushed }: { after: number; flushed: number }): OverlayRecord[] {
    const found: OverlayRecord[] = [];
    for (let place = this.#placeOf(range.from); place < this.#records.length; place++) {
      const last = this.#records[place] as OverlayRecord;
      if (found.length >= range.limit || compareVersions(last.version, range.to) > 0) break;
      const record = latestBy(last, flushed);
      if (record !== undefined && record.arrival > after) found.push(record);
    }
    return found;
  }

  /** Forgets the records for which this is true. */
  forget(isGone: (record: OverlayRecord) => boolean): void {
    this.#records = this.#records.flatMap((record) => without(record, isGone) ?? []);
  }

  /** The place of the first record that is not below. */
  #placeOf(version: Version): number {
    const isBelow = (place: number) =>
      compareVersions((this.#records[place] as OverlayRecord).version, version) < 0;
    return lowerBound(this.#records.length, isBelow);
  }
}

function latestBy(last: OverlayRecord, arrivedBy: number): OverlayRecord | undefined {
  let record: OverlayRecord | undefined = last;
  while (record !== undefined && record.arrival > arrivedBy) record = record.before;
  return record;
}

/** The last one of these that is left, with those left before it. */
function without(last: OverlayRecord, isGone: (record: OverlayRecord) => boolean): OverlayRecord | undefined {
  if (last.before !== undefined) last.before = without(last.before, isGone);
  return isGone(last) ? last.before : last;
}
