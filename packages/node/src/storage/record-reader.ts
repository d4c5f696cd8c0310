/**
 * Reads records and digests from index, overlay and log together.
 *
 * The index and the overlay both may hold a record for a moment, and the overlay may hold what replaces
 * one of the index: of one version the overlay's is the later. What is in the overlay counts from its
 * flush on.
 */
import {
  compareTags,
  compareVersions,
  type DigestKernel,
  type IndexRange,
  itemStart,
  type Listing,
  laterVersion,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type Page,
  packIndexedRows,
  packListingEntries,
  ROW_BYTES,
  rowSpan,
  TAG_BYTES,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import type { ArrivalLog } from './arrival-log.js';
import type { LogEntry } from './log-entry.js';
import type { LocatedRecord, OverlayRecord } from './overlay.js';
import type { PartitionState } from './partition-state.js';
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
  readonly #log: ArrivalLog;
  readonly #index: VersionIndex;
  readonly #kernel: DigestKernel;

  constructor({ log, index, kernel, flushed }: ReaderOptions) {
    this.#log = log;
    this.#index = index;
    this.#kernel = kernel;
    this.flushed = flushed;
  }

  /** The record of a version that had arrived by then; by what is flushed unless told. */
  find(state: PartitionState, version: Version, arrivedBy = this.flushed): LocatedRecord | undefined {
    return state.overlay.find(version, arrivedBy) ?? this.#index.find(state.id, version);
  }

  versions(state: PartitionState, versions: readonly Version[], bytesMax: number): Uint8Array[] {
    const found: LocatedRecord[] = [];
    let bytes = 0;
    for (const version of versions) {
      if (bytes >= bytesMax) break;
      if (version.counter <= state.trimmedTo) continue;
      const record = this.find(state, version);
      if (record === undefined) continue;
      found.push(record);
      bytes += record.length;
    }
    return this.#frames(state, found);
  }

  page(state: PartitionState, range: VersionRange, bytesMax: number): Page {
    const { records, truncated } = this.#range(state, range);
    let bytes = 0;
    const enough = records.findIndex(({ length }, i) => {
      const isFull = i > 0 && bytes >= bytesMax;
      bytes += length;
      return isFull;
    });
    return enough === -1
      ? { frames: this.#frames(state, records), truncated }
      : { frames: this.#frames(state, records.slice(0, enough)), truncated: true };
  }

  listing(state: PartitionState, range: VersionRange): Listing {
    const { head, trimmedTo } = state;
    const { records, truncated } = this.#range(state, range);
    return { entries: packListingEntries(records), truncated, trimmedTo, head };
  }

  rows(state: PartitionState, level: number, ranges: readonly IndexRange[]): Uint8Array {
    const rows = this.#index.rows(state.id, level, ranges);
    const changes = new RowChanges();
    for (const record of this.#notIndexed(state, level, ranges)) {
      changes.add(state.id, record.version.counter, record.tag, 1);
      const indexed = this.#index.find(state.id, record.version);
      if (indexed !== undefined) changes.add(state.id, record.version.counter, indexed.tag, -1);
    }
    if (!changes.isEmpty) {
      const changed = changes.level(this.#kernel, level, (_, index, out) =>
        out.set(rows.get(index) ?? EMPTY_ROW),
      );
      for (const [i, index] of changed.indexes.entries()) {
        rows.set(index, changed.rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES));
      }
    }
    return packIndexedRows(rows);
  }

  /** Where the records of a range are, what was trimmed left out; one more than asked for shows whether more follow. */
  #range(
    state: PartitionState,
    range: VersionRange,
  ): { records: readonly LocatedRecord[]; truncated: boolean } {
    const from = laterVersion(range.from, { counter: state.trimmedTo + 1, origin: ORIGIN_LOWEST });
    const wanted = { from, to: range.to, limit: range.limit + 1 };
    const indexed = compareVersions(from, range.to) > 0 ? [] : this.#index.range(state.id, wanted);
    const overlaid = state.overlay.range(wanted, { after: 0, flushed: this.flushed });
    const records = merged(indexed, overlaid, range.limit + 1);
    const truncated = records.length > range.limit;
    return { records: truncated ? records.slice(0, range.limit) : records, truncated };
  }

  /** Records of these rows that are flushed and that the index, as it can be read now, does not hold. */
  #notIndexed(state: PartitionState, level: number, ranges: readonly IndexRange[]): OverlayRecord[] {
    if (state.overlay.isEmpty) return [];
    const visible = { after: this.#index.partition(state.id).applied, flushed: this.flushed };
    const span = rowSpan(level);
    return ranges.flatMap((range) => {
      const from = { counter: range.from * span, origin: ORIGIN_LOWEST };
      const last = Math.min((range.to + 1) * span - 1, Number.MAX_SAFE_INTEGER);
      const to = { counter: last, origin: ORIGIN_HIGHEST };
      return state.overlay.range({ from, to, limit: Number.POSITIVE_INFINITY }, visible);
    });
  }

  /** Copies of the frames; one that the disk has changed is left out, and remembered. */
  #frames(state: PartitionState, records: readonly LocatedRecord[]): Uint8Array[] {
    const { bytes, ends } = this.#copied(records);
    const tags = new Uint8Array(records.length * TAG_BYTES);
    this.#kernel.tags(state.tagKey, bytes, ends, tags);
    const frames: Uint8Array[] = [];
    for (const [i, record] of records.entries()) {
      if (compareTags(tags.subarray(i * TAG_BYTES), record.tag) === 0) {
        frames.push(bytes.subarray(itemStart({ ends }, i), ends[i]));
      } else {
        state.damaged.add(record.version);
      }
    }
    return frames;
  }

  /** The frames back to back. What cannot be read of one is left as zeros: its tag will not match. */
  #copied(records: readonly LocatedRecord[]): { bytes: Uint8Array; ends: Uint32Array } {
    const ends = new Uint32Array(records.length);
    let end = 0;
    for (const [i, { length }] of records.entries()) {
      end += length;
      ends[i] = end;
    }
    const bytes = new Uint8Array(end);
    let peeked: { arrival: number; entry: LogEntry | undefined } | undefined;
    for (const [i, record] of records.entries()) {
      let frame: Uint8Array | undefined;
      if (isOverlaid(record)) frame = record.entry.frame(record.ordinal);
      else {
        if (peeked?.arrival !== record.arrival)
          peeked = { arrival: record.arrival, entry: this.#log.peek(record.arrival) };
        frame = peeked.entry?.frameOf(record.ordinal);
      }
      if (frame?.length === record.length) bytes.set(frame, (ends[i] as number) - record.length);
    }
    return { bytes, ends };
  }
}

function merged(
  indexed: readonly LocatedRecord[],
  overlaid: readonly OverlayRecord[],
  limit: number,
): readonly LocatedRecord[] {
  if (overlaid.length === 0) return indexed;
  const records: LocatedRecord[] = [];
  let i = 0;
  let o = 0;
  while (records.length < limit) {
    const left = indexed[i];
    const right = overlaid[o];
    if (left === undefined && right === undefined) break;
    const order =
      left === undefined ? 1 : right === undefined ? -1 : compareVersions(left.version, right.version);
    // Of one version, what came later is in the overlay.
    records.push((order < 0 ? left : right) as LocatedRecord);
    if (order <= 0) i++;
    if (order >= 0) o++;
  }
  return records;
}

function isOverlaid(record: LocatedRecord): record is OverlayRecord {
  return 'entry' in record;
}
