/**
 * Records that something newer took the place of, of the same version or key, for as long as the index does
 * not know: they are read no more, and their tags are taken out of every sum that still has them.
 */
import { compareVersions, type VersionRange } from '@mendlog/core';
import type { LocatedRecord } from './located-record.js';
import type { Arrivals } from './overlay.js';

type PlaceInLog = Pick<LocatedRecord, 'arrival' | 'ordinal'>;

interface Leaving {
  readonly record: LocatedRecord;
  /** The arrival of what took its place. */
  readonly by: number;
}

/** Ordinals are below. */
const ORDINALS = 2 ** 16;

export class LeavingRecords {
  readonly #byPlace = new Map<number, Leaving>();

  add(record: LocatedRecord, by: number): void {
    const { version, tag, arrival, ordinal, length, hasKey, isTombstone, entry } = record;
    // A copy, which does not keep the entry; what was found in the index is one.
    const kept =
      entry === undefined
        ? record
        : { version, tag: tag.slice(), arrival, ordinal, length, hasKey, isTombstone };
    this.#byPlace.set(placeId(record), { record: kept, by });
  }

  get isEmpty(): boolean {
    return this.#byPlace.size === 0;
  }

  has(record: PlaceInLog): boolean {
    return this.#byPlace.size > 0 && this.#byPlace.has(placeId(record));
  }

  /** It is gone by other means. */
  delete(record: LocatedRecord): boolean {
    return this.#byPlace.size > 0 && this.#byPlace.delete(placeId(record));
  }

  /** Those that something which arrived then took the place of. */
  *by({ after, flushed }: Arrivals, range?: VersionRange): Generator<LocatedRecord> {
    for (const { record, by } of this.#byPlace.values()) {
      if (by <= after || by > flushed) continue;
      if (range !== undefined && !isWithin(record, range)) continue;
      yield record;
    }
  }

  /** The index is applied up to there. */
  forget(applied: number): void {
    for (const [place, { by }] of this.#byPlace) if (by <= applied) this.#byPlace.delete(place);
  }
}

function isWithin({ version }: LocatedRecord, { from, to }: VersionRange): boolean {
  return compareVersions(version, from) >= 0 && compareVersions(version, to) <= 0;
}

function placeId({ arrival, ordinal }: PlaceInLog): number {
  return arrival * ORDINALS + ordinal;
}
