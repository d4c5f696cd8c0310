/**
 * Where a record sits in the digest tree: position is the version's counter.
 *
 *   level 0: segments of consecutive counters, one row each
 *   level n: one row for every `fanout` rows of level n - 1
 *
 * An insert touches one row a level. A range's digest is the sum of the rows that cover it. Two
 * replicas compare rows only under one layout.
 */
import { MendlogError } from '../errors.js';

export interface DigestLayout {
  /** Counters of a segment. */
  readonly segmentSize: number;
  /** Rows that one row of the next level sums up. */
  readonly fanout: number;
  readonly levels: number;
}

/** Rows of its highest level cover 4.2 thousand million counters; a comparison starts there. */
export const DIGEST_LAYOUT: DigestLayout = { segmentSize: 250, fanout: 256, levels: 4 };

/** The most levels of a layout: with the smallest fanout, they reach every counter. */
const LEVELS_MAX = 53;

/** Throws BAD_CONFIG for a layout that no digest can have. */
export function checkDigestLayout(layout: DigestLayout): void {
  const { segmentSize, fanout, levels } = layout;
  const valid =
    Number.isSafeInteger(segmentSize) &&
    segmentSize >= 1 &&
    Number.isSafeInteger(fanout) &&
    fanout >= 2 &&
    Number.isInteger(levels) &&
    levels >= 1 &&
    levels <= LEVELS_MAX &&
    Number.isSafeInteger(rowSpan(levels - 1, layout));
  if (!valid) {
    throw new MendlogError(
      'BAD_CONFIG',
      `a digest layout of segmentSize ${segmentSize}, fanout ${fanout} and ${levels} levels: expected ` +
        'positive integers, a fanout of 2 or more, and highest rows that span at most 2^53 - 1 counters',
    );
  }
}

/** Rows of one level by index, both ends included. */
export interface IndexRange {
  readonly from: number;
  readonly to: number;
}

/** How many counters one row of the level covers. */
export function rowSpan(level: number, { segmentSize, fanout }: DigestLayout = DIGEST_LAYOUT): number {
  return segmentSize * fanout ** level;
}

export function rowIndexOf(counter: number, level: number, layout: DigestLayout = DIGEST_LAYOUT): number {
  return Math.floor(counter / rowSpan(level, layout));
}

/** All rows of a level: the last one that a safe counter reaches is the upper end. */
export function allRows(level: number, layout: DigestLayout = DIGEST_LAYOUT): IndexRange {
  return { from: 0, to: rowIndexOf(Number.MAX_SAFE_INTEGER, level, layout) };
}

/** The rows below the given ones, adjacent ranges joined. `indexes` ascend. */
export function childRanges(
  indexes: readonly number[],
  { fanout }: DigestLayout = DIGEST_LAYOUT,
): IndexRange[] {
  return joinedRanges(indexes, (index) => ({ from: index * fanout, to: (index + 1) * fanout - 1 }));
}

/** The counters of a segment, both ends included. */
export function segmentCounters(segment: number, { segmentSize }: DigestLayout = DIGEST_LAYOUT): IndexRange {
  const from = segment * segmentSize;
  return { from, to: Math.min(from + segmentSize - 1, Number.MAX_SAFE_INTEGER) };
}

/** The range of each item, ranges that meet joined. They ascend by where they begin. */
export function joinedRanges<Item>(items: Iterable<Item>, rangeOf: (item: Item) => IndexRange): IndexRange[] {
  const ranges: { from: number; to: number }[] = [];
  for (const item of items) {
    const { from, to } = rangeOf(item);
    const last = ranges.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else ranges.push({ from, to });
  }
  return ranges;
}
