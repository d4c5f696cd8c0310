// Where a tail may go on without a gap.
import { describe, expect, test } from 'vitest';
import { lowWaterOf, type ReplicaEnd, TailPlaces } from '../src/tail-places.js';

const endOf = (storeId: string, arrival: number, how: Partial<ReplicaEnd> = {}): ReplicaEnd => ({
  end: { storeId, arrival, ordinal: 0 },
  head: 0,
  root: Uint8Array.of(1),
  isAllSeen: false,
  ...how,
});

describe('tail places', () => {
  test.each([
    { heads: [], replicas: 3, expected: 0 },
    { heads: [9], replicas: 3, expected: 0 },
    { heads: [9, 4], replicas: 3, expected: 4 },
    { heads: [4, 9, 7], replicas: 3, expected: 7 },
    { heads: [9], replicas: 1, expected: 9 },
    { heads: [1, 2, 3, 4], replicas: 5, expected: 2 },
    { heads: [1, 2, 3, 4, 5], replicas: 5, expected: 3 },
  ])('tail places: the low water of heads $heads is $expected (replicas=$replicas)', (row) => {
    expect(
      lowWaterOf(
        row.heads.map((head) => ({ head })),
        row.replicas,
      ),
    ).toBe(row.expected);
  });

  test('tail places: another replica moves on where it holds the same and all of it was given out', () => {
    const places = TailPlaces.fromEnds(
      new Map([
        ['a', endOf('A', 1)],
        ['b', endOf('B', 2)],
        ['c', endOf('C', 3)],
      ]),
      3,
    );
    places.serve('a');
    places.reached('a', { storeId: 'A', arrival: 10, ordinal: 0 });
    const ends = (isAllSeen: boolean) =>
      new Map([
        ['a', endOf('A', 11, { isAllSeen })],
        ['b', endOf('B', 12)],
        ['c', endOf('C', 13, { root: Uint8Array.of(2) })],
      ]);
    expect(places.advance(ends(false))).toBe(0);
    expect(places.of('b')).toMatchObject({ arrival: 2 });
    expect(places.advance(ends(true))).toBe(2);
    expect(['a', 'b', 'c'].map((node) => places.of(node)?.arrival)).toEqual([10, 12, 3]);
    const cursor = places.cursorAt({ node: 'a', storeId: 'A', arrival: 10, ordinal: 0 });
    expect(cursor.others.map(({ node, arrival }) => [node, arrival])).toEqual([
      ['b', 12],
      ['c', 3],
    ]);
    expect(TailPlaces.fromCursor(cursor).of('b')).toMatchObject({ arrival: 12 });
  });

  test('tail places: what is no cursor is BAD_REQUEST', () => {
    const place = { node: 'a', storeId: 'A', arrival: 1, ordinal: 0 };
    for (const wrong of [
      { ...place, lowWater: -0.5, others: [] },
      { ...place, arrival: Number.NaN, lowWater: 0, others: [] },
    ])
      expect(() => TailPlaces.fromCursor(wrong)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});
