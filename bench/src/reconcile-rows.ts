/** Mendlog's digest rows, level by level, then listings of the segments that differ. */
import {
  childRanges,
  DIGEST_LAYOUT,
  type DigestKernel,
  INDEXED_ROW_BYTES,
  LISTING_ENTRY_BYTES,
  ROW_BYTES,
  rowIndexOf,
  segmentCounters,
} from '@mendlog/core';
import type { Reconciliation } from './reconciliation.js';
import { milliseconds, type Records } from './records.js';

/** Bytes with which a range of rows or a segment is asked for. */
const RANGE_BYTES = 16;

export function reconcileWithRows(kernel: DigestKernel, here: Records, there: Records): Reconciliation {
  const [own, buildMs] = milliseconds(() => levelsOf(kernel, here));
  const others = levelsOf(kernel, there);
  const otherCounters = new Set(there.counters);
  let bytes = 0;
  let found = 0;
  const [, cpuMs] = milliseconds(() => {
    const top = DIGEST_LAYOUT.levels - 1;
    let ranges = [{ from: 0, to: rowCount(own, top) - 1 }];
    for (let level = top; level >= 0; level--) {
      const [left, right] = [own, others].map((levels) =>
        Buffer.concat(ranges.map(({ from, to }) => rowsOf(levels, level, from, to))),
      );
      if (left === undefined || right === undefined) throw new Error('no rows');
      bytes += ranges.length * RANGE_BYTES + right.length;
      const indexes = new Float64Array(65_536);
      const differing = indexes.subarray(0, kernel.diffRows(left, right, indexes));
      if (level > 0) ranges = childRanges([...differing]);
      else
        for (const segment of differing) {
          const { from, to } = segmentCounters(segment);
          bytes += RANGE_BYTES;
          for (let counter = from; counter <= Math.min(to, here.counters.length - 1); counter++) {
            if (otherCounters.has(counter)) bytes += LISTING_ENTRY_BYTES;
            else found += 1;
          }
        }
    }
  });
  return { bytes, cpuMs, buildMs, found };
}

/** The rows of every level, all of them, since the records are dense. */
function levelsOf(kernel: DigestKernel, { counters, tags }: Records): Uint8Array[] {
  return Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) => {
    const rows = new Uint8Array((rowIndexOf(counters.at(-1) ?? 0, level) + 1) * ROW_BYTES);
    kernel.addTags(
      rows,
      Uint32Array.from(counters, (counter) => rowIndexOf(counter, level)),
      tags,
      1,
    );
    return rows;
  });
}

function rowCount(levels: readonly Uint8Array[], level: number): number {
  return (levels[level]?.length ?? 0) / ROW_BYTES;
}

/** Indexed rows, both ends included, as far as there are any. */
function rowsOf(levels: readonly Uint8Array[], level: number, from: number, to: number): Uint8Array {
  const end = Math.min(to + 1, rowCount(levels, level));
  const rows = new Uint8Array(Math.max(0, end - from) * INDEXED_ROW_BYTES);
  const view = new DataView(rows.buffer);
  for (let index = from; index < end; index++) {
    const at = (index - from) * INDEXED_ROW_BYTES;
    view.setBigUint64(at, BigInt(index), true);
    rows.set(levels[level]?.subarray(index * ROW_BYTES, (index + 1) * ROW_BYTES) ?? rows, at + 8);
  }
  return rows;
}
