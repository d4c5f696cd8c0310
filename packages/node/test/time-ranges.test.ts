// What several replicas say of where records of a time lie, taken together.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clipped, mergeTimeRanges, type ReplicaTimeRanges } from '../src/coordinator/time-ranges.js';

const answer = (
  ranges: readonly (readonly [number, number])[],
  next?: number,
  isKnown = true,
): ReplicaTimeRanges => ({ ranges: ranges.map(([from, to]) => ({ from, to })), next, isKnown });

test('time ranges: what any replica names is in the answer, ranges that meet are one', () => {
  const merged = mergeTimeRanges([
    answer([
      [0, 249],
      [1000, 1249],
    ]),
    answer([[250, 499]]),
    answer([[1100, 1300]]),
  ]);
  expect(merged).toEqual(
    answer([
      [0, 499],
      [1000, 1300],
    ]),
  );
});

test('time ranges: the answer ends where the first replica left something out', () => {
  const merged = mergeTimeRanges([
    answer(
      [
        [0, 249],
        [500, 749],
      ],
      1000,
    ),
    answer(
      [
        [0, 249],
        [250, 1500],
        [2000, 2249],
      ],
      5000,
    ),
  ]);
  expect(merged).toEqual(answer([[0, 999]], 1000));
});

test('time ranges: a partition is known where one replica knows it', () => {
  expect(mergeTimeRanges([answer([], undefined, false), answer([])])).toEqual(answer([]));
  expect(mergeTimeRanges([answer([], undefined, false)]).isKnown).toBe(false);
});

test('time ranges: every counter that a replica names below the end is in exactly one range (random answers)', () => {
  const range = fc.tuple(fc.nat(60), fc.nat(10)).map(([from, length]) => ({ from, to: from + length }));
  const anyAnswer = fc.record({
    ranges: fc.array(range, { maxLength: 5 }),
    next: fc.option(fc.nat(80), { nil: undefined }),
    isKnown: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyAnswer, { minLength: 1, maxLength: 4 }), (answers) => {
      const { ranges, next = Number.POSITIVE_INFINITY } = mergeTimeRanges(answers);
      for (let counter = 0; counter < 100; counter++) {
        const isNamed = answers.some(({ ranges }) =>
          ranges.some(({ from, to }) => counter >= from && counter <= to),
        );
        const holding = ranges.filter(({ from, to }) => counter >= from && counter <= to);
        expect({ counter, times: holding.length }).toEqual({
          counter,
          times: isNamed && counter < next ? 1 : 0,
        });
      }
    }),
  );
});

test('time ranges: a range is cut to another one', () => {
  expect(clipped({ from: 5, to: 10 }, { from: 7, to: 20 })).toEqual({ from: 7, to: 10 });
  expect(clipped({ from: 5, to: 10 }, { from: 10, to: 10 })).toEqual({ from: 10, to: 10 });
  expect(clipped({ from: 5, to: 10 }, { from: 11, to: 20 })).toBeUndefined();
});
