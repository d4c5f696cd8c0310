import { expect, test } from 'vitest';
import {
  allRows,
  checkDigestLayout,
  childRanges,
  DIGEST_LAYOUT,
  rowIndexOf,
  rowSpan,
  segmentCounters,
} from '../src/digest/layout.js';
import { leafRanges } from '../src/digest/merkle-layout.js';

const SMALL = { segmentSize: 10, fanout: 4, levels: 3 };

test('layout: a record is in one row a level (segmentSize=10, fanout=4)', () => {
  expect([0, 1, 2].map((level) => rowSpan(level, SMALL))).toEqual([10, 40, 160]);
  expect([0, 1, 2].map((level) => rowIndexOf(799, level, SMALL))).toEqual([79, 19, 4]);
  expect(segmentCounters(79, SMALL)).toEqual({ from: 790, to: 799 });
  expect(childRanges([1, 2, 5], SMALL)).toEqual([
    { from: 4, to: 11 },
    { from: 20, to: 23 },
  ]);
});

test('layout: the last row of a level holds the last counter (default and small)', () => {
  for (const layout of [DIGEST_LAYOUT, SMALL]) {
    const { to } = allRows(0, layout);
    expect(segmentCounters(to, layout).to).toBe(Number.MAX_SAFE_INTEGER);
  }
});

test('layout: one that no digest can have is BAD_CONFIG', () => {
  for (const valid of [DIGEST_LAYOUT, SMALL, { segmentSize: 1, fanout: 2, levels: 53 }])
    checkDigestLayout(valid);
  const invalid = [
    { ...SMALL, segmentSize: 0 },
    { ...SMALL, segmentSize: 1.5 },
    { ...SMALL, fanout: 1 },
    { ...SMALL, fanout: Number.NaN },
    { ...SMALL, levels: 0 },
    { ...SMALL, levels: 54 },
    { segmentSize: 2 ** 30, fanout: 2 ** 30, levels: 2 },
  ];
  for (const layout of invalid) {
    expect(() => checkDigestLayout(layout)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
  }
});

test('merkle layout: differing leaves become ranges of counters, adjacent ones joined (segmentsPerLeaf=4)', () => {
  expect(leafRanges(Uint32Array.of(0, 1, 5), 4)).toEqual([
    { from: 0, to: 1999 },
    { from: 5000, to: 5999 },
  ]);
  expect(leafRanges([], 4)).toEqual([]);
});
