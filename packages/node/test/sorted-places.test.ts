// The order in which a read looks many records up.
import { expect, test } from 'vitest';
import { sortPlaces } from '../src/storage/sorted-places.js';
import { seededNumbers } from './seeded-bytes.js';

const HIGHEST = Number.MAX_SAFE_INTEGER;

test.each([
  { what: 'none', count: 0, below: 10, from: 0 },
  { what: 'one', count: 1, below: 10, from: 5 },
  { what: 'few', count: 16, below: 1000, from: 0 },
  { what: 'a few more', count: 17, below: 1000, from: 0 },
  { what: 'many, most of them twice', count: 4096, below: 1000, from: HIGHEST - 1000 },
  { what: 'as far apart as one number holds with its place', count: 1024, below: 2 ** 43, from: 0 },
  { what: 'farther apart', count: 1024, below: 2 ** 53, from: 0 },
])(
  'sorted places: numbers come in ascending order, each once, equal ones as they were ($what, seed=7)',
  ({ count, below, from }) => {
    const next = seededNumbers(7);
    // The ends of the range are among them.
    const numbers = Float64Array.from({ length: count }, (_, i) =>
      i === 1 ? from : i === 2 ? from + below - 1 : from + Math.floor((next() / 2 ** 32) * below),
    );
    const places = new Uint32Array(count + 3).fill(99);
    sortPlaces(numbers, count, places);
    const expected = Array.from(numbers.keys()).sort(
      (a, b) => (numbers[a] as number) - (numbers[b] as number) || a - b,
    );
    expect([...places.subarray(0, count)]).toEqual(expected);
    // Nothing is written behind.
    expect([...places.subarray(count)]).toEqual([99, 99, 99]);
  },
);
