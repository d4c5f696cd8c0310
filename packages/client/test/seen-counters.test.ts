import { expect, test } from 'vitest';
import { SeenCounters } from '../src/seen-counters.js';

test('seen counters: the highest of each partition, of 65,536 partitions the latest', () => {
  const seen = new SeenCounters();
  seen.note('a', 5);
  seen.note('a', 3);
  seen.note('b', 1);
  expect([seen.of('a'), seen.of('b'), seen.of('c')]).toEqual([5, 1, 0]);
  for (let i = 0; i < 65_535; i++) {
    seen.note(`p${i}`, i + 1);
    if (i === 30_000) seen.note('b', 2);
  }
  expect([seen.of('a'), seen.of('b'), seen.of('p65534')]).toEqual([0, 2, 65_535]);
});
