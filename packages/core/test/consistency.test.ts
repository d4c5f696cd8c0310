import { expect, test } from 'vitest';
import {
  acknowledgementsNeeded,
  answersNeeded,
  CONSISTENCY_LEVELS,
  majorityOf,
  WRITE_LEVELS,
} from '../src/consistency.js';
import { checkPartitionName } from '../src/partition-name.js';

test('consistency: answers needed of each level, or BAD_REQUEST (n=1 to 5)', () => {
  const needed = (n: number) =>
    CONSISTENCY_LEVELS.map((level) => {
      try {
        return answersNeeded(level, n);
      } catch (error) {
        expect(error).toMatchObject({ code: 'TOO_FEW_NODES' });
        return 'refused';
      }
    });
  expect(CONSISTENCY_LEVELS).toEqual(['ONE', 'TWO', 'THREE', 'QUORUM', 'ALL']);
  expect(needed(1)).toEqual([1, 'refused', 'refused', 1, 1]);
  expect(needed(2)).toEqual([1, 2, 'refused', 2, 2]);
  expect(needed(3)).toEqual([1, 2, 3, 2, 3]);
  expect(needed(4)).toEqual([1, 2, 3, 3, 4]);
  expect(needed(5)).toEqual([1, 2, 3, 3, 5]);
});

test('consistency: ANY is a level of writes, and needs one acknowledgement (n=1 to 5)', () => {
  for (let n = 1; n <= 5; n++) {
    expect(acknowledgementsNeeded('ANY', n)).toBe(1);
    expect(() => answersNeeded('ANY', n)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  }
  expect([...WRITE_LEVELS]).toEqual(['ANY', ...CONSISTENCY_LEVELS]);
});

test('consistency: two majorities share a replica (n=1 to 100)', () => {
  for (let n = 1; n <= 100; n++) {
    expect(2 * majorityOf(n)).toBeGreaterThan(n);
    expect(majorityOf(n)).toBeLessThanOrEqual(n);
  }
});

test('partition name: 1 to 200 of the alphabet, anything else is BAD_REQUEST', () => {
  for (const name of ['a', 'A-Z_a.z-09', '...', '.x', 'x'.repeat(200)]) checkPartitionName(name);
  for (const name of ['', '.', '..', 'x'.repeat(201), 'a/b', 'a b', 'ä', 'a\n', 'a\0', '%41', 'a:b']) {
    expect(() => checkPartitionName(name)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  }
});
