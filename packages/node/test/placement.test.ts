import { preferenceList } from '@mendlog/core';
import { expect, test } from 'vitest';
import { Placement } from '../src/membership/placement.js';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const PARTITIONS = Array.from({ length: 200 }, (_, i) => `p${i}`);

test('placement: primaries are a prefix of the preference list, as long as the partition has replicas', () => {
  const factors = new Map([
    ['p1', 1],
    ['p2', 4],
    ['p3', 9],
  ]);
  const placement = new Placement(NODES, 3, (partition) => factors.get(partition));
  for (const partition of PARTITIONS) {
    const { primaries } = preferenceList(
      partition,
      NODES,
      Math.min(factors.get(partition) ?? 3, NODES.length),
    );
    expect(placement.primaries(partition)).toEqual(primaries);
  }
  factors.set('p1', 2);
  expect(placement.primaries('p1')).toHaveLength(2);
});

test('placement: partitions with the same primaries in the same order have the same list', () => {
  const placement = new Placement(NODES, 2);
  const lists = new Set(PARTITIONS.map((partition) => placement.primaries(partition)));
  expect(lists.size).toBe(new Set([...lists].map((list) => list.join())).size);
});
