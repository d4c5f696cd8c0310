/**
 * Where a record sits in the digest tree: position is the version's counter.
 *
 *   level 0: segments of 250 consecutive counters, one row each
 *   level n: one row for every 256 rows of level n - 1
 *
 * An insert touches one row a level. A range's digest is the sum of the rows that cover it.
 */

export const DIGEST_LAYOUT = {
  segmentSize: 250,
  fanout: 256,
  /** Rows of the highest level cover 4.2 thousand million counters; a comparison starts there. */
  levels: 4,
} as const;

/** Rows of one level by index, both ends included. */
export interface IndexRange {
  readonly from: number;
  readonly to: number;
}

/** How many counters one row of the level covers. */
export function rowSpan(level: number): number {
  return DIGEST_LAYOUT.segmentSize * DIGEST_LAYOUT.fanout ** level;
}

export function rowIndexOf(counter: number, level: number): number {
  return Math.floor(counter / rowSpan(level));
}

/** All rows of a level: the last one that a safe counter reaches is the upper end. */
export function allRows(level: number): IndexRange {
  return { from: 0, to: rowIndexOf(Number.MAX_SAFE_INTEGER, level) };
}

/** The rows below the given ones, adjacent ranges joined. `indexes` ascend. */
export function childRanges(indexes: readonly number[]): IndexRange[] {
  const ranges: { from: number; to: number }[] = [];
  for (const index of indexes) {
    const from = index * DIGEST_LAYOUT.fanout;
    const to = from + DIGEST_LAYOUT.fanout - 1;
    const last = ranges.at(-1);
    if (last !== undefined && last.to + 1 === from) last.to = to;
    else ranges.push({ from, to });
  }
  return ranges;
}

/** The counters of a segment, both ends included. */
export function segmentCounters(segment: number): IndexRange {
  const from = segment * DIGEST_LAYOUT.segmentSize;
  return { from, to: Math.min(from + DIGEST_LAYOUT.segmentSize - 1, Number.MAX_SAFE_INTEGER) };
}
