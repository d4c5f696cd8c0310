/**
 * Reads records and digests from index, overlay and log together.
 *
 * The index and the overlay both may hold a record for a moment, and the overlay may hold what replaces
 * one of the index: of one version the overlay's is the later. What is in the overlay counts from its
 * flush on.
 */
import {
  compareVersions,
  type DigestKernel,
  type IndexRange,
  joinedRanges,
  type Listing,
  laterVersion,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type Page,
  packIndexedRows,
  packListingEntries,
  ROW_BYTES,
  rowIndexOf,
  rowSpan,
  segmentCounters,
  type TimeRanges,
  type TimeWindow,
  type Version,
  type VersionRange,
  versionAfter,
  versionBefore,
} from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import type { FoundHolder } from './arrivals.js';
import { isAboveAppends } from './key-text.js';
import type { LocatedRecord } from './located-record.js';
import type { Arrivals } from './overlay.js';
import type { PartitionState } from './partition-state.js';
import { PointReads } from './point-reads.js';
import { EMPTY_ROW, RowChanges } from './row-changes.js';
import type { VersionIndex } from './version-index.js';

interface ReaderOptions {
  readonly log: ArrivalLog;
  readonly index: VersionIndex;
  readonly kernel: DigestKernel;
  readonly flushed: number;
}

export class RecordReader {
  /** The arrival number up to which everything is flushed, or was refused. */
  flushed: number;
  readonly points: PointReads;
  readonly #index: VersionIndex;
  readonly #kernel: DigestKernel;

  constructor({ log, index, kernel, flushed }: ReaderOptions) {
    this.points = new PointReads({ log, index, kernel, flushed: () => this.flushed });
    this.#index = index;
    this.#kernel = kernel;
    this.flushed = flushed;
  }

  /** The record of a version that had arrived by then; by what is flushed unless told. */
  find(state: PartitionState, version: Version, arrivedBy = this.flushed): LocatedRecord | undefined {
    const record = state.overlay.find(version, arrivedBy) ?? this.#index.find(state.id, version);
    return record === undefined || state.leaving.has(record) ? undefined : record;
  }

  /** Who holds a key, by what had arrived by then; nobody where that is trimmed. */
  holder(state: PartitionState, key: string, arrivedBy = this.flushed): FoundHolder | undefined {
    const overlaid = state.holders.find(key, arrivedBy);
    const isAbove = isAboveAppends(key, state.appendHead);
    const holder = overlaid ?? (isAbove ? undefined : this.#index.holder(state.id, key));
    return holder !== undefined && holder.version.counter > state.trimmedTo ? holder : undefined;
  }

  page(state: PartitionState, range: VersionRange, bytesMax: number): Page {
    let bounds: { from: Version; to: Version } | undefined = range;
    while (bounds !== undefined) {
      const { records, truncated } = this.#filled(state, { ...range, ...bounds }, bytesMax);
      const frames = this.points.frames(state, records);
      const last = records.at(-1)?.version;
      if (frames.length > 0 || !truncated || last === undefined) return { frames, truncated };
      // The disk has changed all of them: a page without a record would lead nowhere.
      bounds = beyond(last, bounds, range.descending === true);
    }
    return { frames: [], truncated: false };
  }

  /** The records of a range, in its order, until `bytesMax` is passed. */
  #filled(
    state: PartitionState,
    range: VersionRange,
    bytesMax: number,
  ): { records: readonly LocatedRecord[]; truncated: boolean } {
    const { records, truncated } = this.#range(state, range);
    let bytes = 0;
    const enough = records.findIndex(({ length }, i) => {
      const isFull = i > 0 && bytes >= bytesMax;
      bytes += length;
      return isFull;
    });
    return enough === -1 ? { records, truncated } : { records: records.slice(0, enough), truncated: true };
  }

  listing(state: PartitionState, range: VersionRange): Listing {
    const { head, trimmedTo } = state;
    const { records, truncated } = this.#range(state, range);
    return { entries: packListingEntries(records), truncated, trimmedTo, head };
  }

  rows(state: PartitionState, level: number, ranges: readonly IndexRange[]): Uint8Array {
    const rows = this.#index.rows(state.id, level, ranges);
    const changes = this.#notIndexed(state, level, ranges);
    if (!changes.isEmpty) {
      const changed = changes.level(this.#kernel, level, (_, index, out) =>
        out.set(rows.get(index) ?? EMPTY_ROW),
      );
      for (const [i, index] of changed.indexes.entries()) {
        const row = changed.rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
        // An absent row is an empty one.
        if (Buffer.compare(row, EMPTY_ROW) === 0) rows.delete(index);
        else rows.set(index, row);
      }
    }
    return packIndexedRows(rows);
  }

  /** Ranges of counters in which all records of this time lie: segments that the index or the overlay has some in. */
  timeRanges(
    state: PartitionState,
    { fromMs, toMs }: TimeWindow,
    { from, limit }: { from: number; limit: number },
  ): TimeRanges {
    const least = Math.max(from, state.trimmedTo + 1);
    const segments = new Set<number>();
    for (const { entry, from: first, to } of state.overlay.runs({ after: 0, flushed: this.flushed })) {
      for (let place = first; place < to; place++) {
        const timeMs = entry.timeMs(place);
        if (timeMs >= fromMs && timeMs <= toMs) segments.add(rowIndexOf(entry.counter(place), 0));
      }
    }
    for (const { segment, times } of this.#index.segmentTimes(state.id, rowIndexOf(least, 0)))
      if (times.fromMs <= toMs && times.toMs >= fromMs) segments.add(segment);
    const wanted = [...segments]
      .filter((segment) => segmentCounters(segment).to >= least)
      .sort((a, b) => a - b);
    const ranges = joinedRanges(wanted, segmentCounters);
    return { ranges: ranges.slice(0, limit), next: ranges[limit]?.from };
  }

  /** Where the records of a range are, what was trimmed left out; one more than asked for shows whether more follow. */
  #range(
    state: PartitionState,
    range: VersionRange,
  ): { records: readonly LocatedRecord[]; truncated: boolean } {
    const { to, descending = false } = range;
    const lowest = laterVersion(range.from, { counter: state.trimmedTo + 1, origin: ORIGIN_LOWEST });
    const records: LocatedRecord[] = [];
    const wanted = range.limit + 1;
    let bounds: { from: Version; to: Version } | undefined = { from: lowest, to };
    // More than once only where some of what was found is on its way out.
    while (bounds !== undefined && compareVersions(bounds.from, bounds.to) <= 0) {
      const part = { ...bounds, descending, limit: wanted - records.length };
      const found = merged(
        this.#index.range(state.id, part),
        state.overlay.range(part, { after: 0, flushed: this.flushed }),
        part,
      );
      for (const record of found) if (!state.leaving.has(record)) records.push(record);
      const last = found.at(-1)?.version;
      if (records.length >= wanted || found.length < part.limit || last === undefined) break;
      bounds = beyond(last, bounds, descending);
    }
    const truncated = records.length > range.limit;
    return { records: truncated ? records.slice(0, range.limit) : records, truncated };
  }

  /** What of these rows is flushed and not in the index, as it can be read now. */
  #notIndexed(state: PartitionState, level: number, ranges: readonly IndexRange[]): RowChanges {
    const changes = new RowChanges();
    if (state.overlay.isEmpty) return changes;
    const arrivals: Arrivals = {
      after: this.#index.partition(state.id).applied,
      flushed: this.flushed,
    };
    const span = rowSpan(level);
    for (const row of ranges) {
      const from = { counter: row.from * span, origin: ORIGIN_LOWEST };
      const last = Math.min((row.to + 1) * span - 1, Number.MAX_SAFE_INTEGER);
      const range = { from, to: { counter: last, origin: ORIGIN_HIGHEST }, limit: Number.POSITIVE_INFINITY };
      const tags = [
        ...tagged(state.overlay.all(range, arrivals), 1),
        ...tagged(state.leaving.by(arrivals, range), -1),
      ];
      tags.sort((a, b) => a.version.counter - b.version.counter);
      for (const { version, tag, sign } of tags)
        changes.add(state.id, version.counter, { bytes: tag, at: 0, sign });
    }
    return changes;
  }
}

function* tagged(
  records: Iterable<LocatedRecord>,
  sign: 1 | -1,
): Generator<{ version: Version; tag: Uint8Array; sign: 1 | -1 }> {
  for (const { version, tag } of records) yield { version, tag, sign };
}

/** What of a range follows a version in its order; undefined where nothing does. */
function beyond(
  version: Version,
  { from, to }: { from: Version; to: Version },
  descending: boolean,
): { from: Version; to: Version } | undefined {
  const next = descending ? versionBefore(version) : versionAfter(version);
  if (next === undefined) return undefined;
  return descending ? { from, to: next } : { from: next, to };
}

function merged(
  indexed: readonly LocatedRecord[],
  overlaid: readonly LocatedRecord[],
  { limit, descending }: { limit: number; descending: boolean },
): readonly LocatedRecord[] {
  if (overlaid.length === 0) return indexed;
  const records: LocatedRecord[] = [];
  let i = 0;
  let o = 0;
  while (records.length < limit) {
    const left = indexed[i];
    const right = overlaid[o];
    if (left === undefined && right === undefined) break;
    let order =
      left === undefined ? 1 : right === undefined ? -1 : compareVersions(left.version, right.version);
    if (descending && left !== undefined && right !== undefined) order = -order;
    // Of one version, what came later is in the overlay.
    records.push((order < 0 ? left : right) as LocatedRecord);
    if (order <= 0) i++;
    if (order >= 0) o++;
  }
  return records;
}
