// Which differing segments are listed, which sketched, and with how many symbols.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DifferingSegment, planDiff, symbolsAfter } from '../src/anti-entropy/plan-diff.js';
import { LIMITS } from '../src/limits.js';

const SYMBOL_BYTES = 21;
const ENTRY_BYTES = 32;

const differing = (segment: number, recordsHere: number, recordsThere: number): DifferingSegment => ({
  segment,
  recordsHere,
  recordsThere,
});
const many = (count: number, recordsHere: number, recordsThere: number) =>
  Array.from({ length: count }, (_, i) => differing(i + 1, recordsHere, recordsThere));
const plan = (segments: readonly DifferingSegment[], trimmedTo = 0) => planDiff(segments, { trimmedTo });

test('planner: a few differences in one segment are sketched, with symbols for a few', () => {
  expect(plan([differing(7, 249, 250)])).toEqual({
    listed: [],
    sketches: [{ segments: [7], recordsThere: 250, symbols: 16 }],
  });
});

test('planner: counts that are apart ask for symbols for as many differences, equal ones for two a segment', () => {
  expect(plan([differing(7, 230, 250), differing(9, 250, 250)]).sketches).toEqual([
    { segments: [7, 9], recordsThere: 500, symbols: 49 },
  ]);
});

test.each([
  ['the peer holds nothing in it', differing(7, 250, 0)],
  ['nothing of it is here', differing(7, 0, 250)],
  ['most of it is missing', differing(7, 5, 250)],
  ['the peer holds few records in it', differing(7, 5, 6)],
  ['it holds more than a sketch is made of', differing(7, 40_000, 40_001)],
  ['a peer claims to hold more than there can be', differing(7, 10, Number.MAX_VALUE)],
])('planner: a segment is listed where %s', (_, segment) => {
  expect(plan([segment])).toEqual({ listed: [7], sketches: [] });
});

test('planner: the first segment is none that a trim has reached (trimmedTo=0 and 1)', () => {
  expect(plan([differing(0, 248, 249)], 0)).toMatchObject({ listed: [] });
  expect(plan([differing(0, 248, 249)], 1)).toMatchObject({ listed: [0] });
});

test('planner: what a trim has reached is listed (trimmedTo=1000)', () => {
  const segments = [differing(3, 250, 249), differing(4, 250, 249), differing(5, 250, 249)];
  expect(plan(segments, 1000)).toMatchObject({ listed: [3, 4], sketches: [{ segments: [5] }] });
});

test('planner: segments with few records each are worth a sketch together (1 and 100 segments of 4 records)', () => {
  expect(plan(many(1, 4, 3))).toMatchObject({ listed: [1] });
  expect(plan(many(100, 4, 3))).toMatchObject({ listed: [], sketches: [{ symbols: 175 }] });
});

test('planner: more symbols are asked for, as many as seem needed, until a listing costs less or the limit', () => {
  const few = { segments: [1], recordsThere: 250, symbols: 16 };
  expect(symbolsAfter({ symbols: 16, differences: 9 }, few)).toBe(48);
  expect(symbolsAfter({ symbols: 48, differences: 31 }, few)).toBe(72);
  expect(symbolsAfter({ symbols: 16, differences: 100 }, few)).toBe(175);
  expect(symbolsAfter({ symbols: 16, differences: 300 }, few)).toBeUndefined();
  expect(symbolsAfter({ symbols: 300, differences: 9 }, few)).toBeUndefined();
  const most = { segments: [1], recordsThere: 1_000_000, symbols: 16 };
  expect(symbolsAfter({ symbols: 4000, differences: 9 }, most)).toBe(LIMITS.sketchSymbolsMax);
  expect(symbolsAfter({ symbols: LIMITS.sketchSymbolsMax, differences: 9 }, most)).toBeUndefined();
});

test('planner: every segment is compared once, each sketch is bounded and begins at less than a listing (random)', () => {
  const records = fc.oneof(fc.nat(300), fc.nat(40_000));
  const segment = fc.tuple(fc.integer({ min: 1, max: 50 }), records, records);
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 400 }), fc.nat(20_000), (drawn, trimmedTo) => {
      let index = 0;
      const segments = drawn.map(([step, here, there]) => {
        index += step;
        return differing(index, here, there);
      });
      const { listed, sketches } = plan(segments, trimmedTo);
      const sketched = sketches.flatMap((sketch) => sketch.segments);
      expect([...listed, ...sketched].sort((a, b) => a - b)).toEqual(segments.map((each) => each.segment));
      expect([...listed].sort((a, b) => a - b)).toEqual(listed);
      for (const sketch of sketches) {
        const own = segments.filter((each) => sketch.segments.includes(each.segment));
        const there = own.reduce((sum, { recordsThere }) => sum + recordsThere, 0);
        const here = own.reduce((sum, { recordsHere }) => sum + recordsHere, 0);
        expect(sketch.recordsThere).toBe(there);
        expect(Math.max(here, there)).toBeLessThanOrEqual(LIMITS.sketchRecordsMax / 2);
        expect(sketch.segments.length).toBeLessThanOrEqual(LIMITS.rangesMax);
        expect(sketch.symbols).toBeLessThanOrEqual(LIMITS.sketchSymbolsMax / 2);
        let symbols: number | undefined = sketch.symbols;
        for (let exchanges = 1; symbols !== undefined; exchanges++) {
          expect(exchanges).toBeLessThanOrEqual(15);
          expect(symbols * SYMBOL_BYTES).toBeLessThan(there * ENTRY_BYTES);
          symbols = symbolsAfter({ symbols, differences: 1 }, sketch);
        }
      }
    }),
    { numRuns: 200 },
  );
});
